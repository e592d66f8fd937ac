/* A machine that loses power, or processes that are killed, at one exact step of their writing.
 *
 * Loaded with LD_PRELOAD into the server, and so into its jobs. It looks at what happens below the folder
 * AIMASS_CRASH_DATA and counts the steps that change something there: write, copy, rename, link, unlink, mkdir,
 * truncate, fsync. The counter is shared by all processes (a file in AIMASS_CRASH_STATE). At step
 * AIMASS_CRASH_AT nothing happens any more: every process ends by SIGKILL at its next step.
 *
 * What a power cut leaves is kept in AIMASS_CRASH_STATE, by the strictest reading of POSIX: the content of a file as
 * it was when it was last synced, the names in a folder as they were when the folder was last synced. What was
 * never synced is gone. crash.py puts a folder together from it:
 *
 *   root          the KEY of AIMASS_CRASH_DATA
 *   files/KEY     content of the file at its last fsync or fdatasync
 *   folders/KEY   lines "f|d KEY NAME": the folder at its last fsync
 *   KEY           inode and time of birth, because inodes are used again
 *
 * A test says what was durable before by calling fsync itself on all there is, under this library.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const char* data_folder;
static const char* state_folder;
static size_t data_length;
static long crash_at;
static atomic_long* steps;

#define REAL(type, name, ...)                                       \
  static type (*real)(__VA_ARGS__);                                 \
  if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int KeyOf(int at, const char* name, char* key, size_t size, int* folder) {
  struct statx info;
  if (statx(at, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &info) != 0) return 0;
  snprintf(key, size, "%llu-%lld-%u", (unsigned long long)info.stx_ino, (long long)info.stx_btime.tv_sec,
           info.stx_btime.tv_nsec);
  *folder = S_ISDIR(info.stx_mode);
  return 1;
}

static void NoteRoot(void) {
  char key[96];
  char path[PATH_MAX];
  int folder = 0;
  if (!KeyOf(AT_FDCWD, data_folder, key, sizeof key, &folder)) return;
  snprintf(path, sizeof path, "%s/root", state_folder);
  const int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  if (syscall(SYS_write, fd, key, strlen(key)) < 0) abort();
  syscall(SYS_close, fd);
}

__attribute__((constructor)) static void Start(void) {
  data_folder = getenv("AIMASS_CRASH_DATA");
  state_folder = getenv("AIMASS_CRASH_STATE");
  if (!data_folder || !state_folder) return;
  data_length = strlen(data_folder);
  const char* at = getenv("AIMASS_CRASH_AT");
  crash_at = at ? atol(at) : 0;
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/steps", state_folder);
  const int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  if (syscall(SYS_ftruncate, fd, 8) == 0) {
    void* page = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page != MAP_FAILED) steps = page;
    NoteRoot();
  }
  syscall(SYS_close, fd);
}

static int Inside(const char* path) {
  if (!steps || strncmp(path, data_folder, data_length) != 0) return 0;
  return path[data_length] == '/' || path[data_length] == 0;
}

static int InsideFd(int fd) {
  if (!steps) return 0;
  char link[64];
  char path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return Inside(path);
}

/* One more step; does not come back from the one at which the power goes, nor from any after it. */
static void Step(void) {
  const long number = atomic_fetch_add(steps, 1) + 1;
  if (crash_at > 0 && number >= crash_at) {
    for (;;) kill(getpid(), SIGKILL);
  }
}

static void WriteOut(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    const long done = syscall(SYS_write, fd, bytes, size);
    if (done <= 0) return;
    bytes += done;
    size -= (size_t)done;
  }
}

static void KeepContent(int fd, int to) {
  char block[1 << 16];
  off_t at = 0;
  /* Through a descriptor of its own: the given one may be open for writing only. */
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const int from = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
  if (from < 0) return;
  for (;;) {
    const long got = syscall(SYS_pread64, from, block, sizeof block, at);
    if (got <= 0) break;
    WriteOut(to, block, (size_t)got);
    at += got;
  }
  syscall(SYS_close, from);
}

static void KeepNames(int fd, int to) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  DIR* folder = opendir(path);
  if (!folder) return;
  for (struct dirent* entry; (entry = readdir(folder));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    char key[96];
    char line[NAME_MAX + 128];
    int is_folder = 0;
    if (!KeyOf(dirfd(folder), entry->d_name, key, sizeof key, &is_folder)) continue;
    const int length = snprintf(line, sizeof line, "%c %s %s\n", is_folder ? 'd' : 'f', key, entry->d_name);
    WriteOut(to, line, (size_t)length);
  }
  closedir(folder);
}

/* Notes what is durable now. */
static void Synced(int fd) {
  char key[96];
  char path[PATH_MAX + 64];
  char final[PATH_MAX];
  int folder = 0;
  if (!KeyOf(fd, "", key, sizeof key, &folder)) return;
  snprintf(final, sizeof final, "%s/%s/%s", state_folder, folder ? "folders" : "files", key);
  snprintf(path, sizeof path, "%s.%d-%ld", final, getpid(), syscall(SYS_gettid));
  const int to = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (to < 0) return;
  if (folder) {
    KeepNames(fd, to);
  } else {
    KeepContent(fd, to);
  }
  syscall(SYS_close, to);
  syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, final, 0);
}

#define ON_FD(type, name, parameters, ...)   \
  type name parameters {                     \
    REAL(type, #name, TYPES_##name);         \
    if (InsideFd(fd)) Step();                \
    return real(__VA_ARGS__);                \
  }
#define TYPES_write int, const void*, size_t
#define TYPES_pwrite int, const void*, size_t, off_t
#define TYPES_pwrite64 int, const void*, size_t, off64_t
#define TYPES_writev int, const struct iovec*, int
#define TYPES_copy_file_range int, off64_t*, int, off64_t*, size_t, unsigned
#define TYPES_ftruncate int, off_t
#define TYPES_ftruncate64 int, off64_t
ON_FD(ssize_t, write, (int fd, const void* bytes, size_t size), fd, bytes, size)
ON_FD(ssize_t, pwrite, (int fd, const void* bytes, size_t size, off_t at), fd, bytes, size, at)
ON_FD(ssize_t, pwrite64, (int fd, const void* bytes, size_t size, off64_t at), fd, bytes, size, at)
ON_FD(ssize_t, writev, (int fd, const struct iovec* parts, int count), fd, parts, count)
ON_FD(ssize_t, copy_file_range, (int from, off64_t* from_at, int fd, off64_t* at, size_t size, unsigned flags), from,
      from_at, fd, at, size, flags)
ON_FD(int, ftruncate, (int fd, off_t size), fd, size)
ON_FD(int, ftruncate64, (int fd, off64_t size), fd, size)

#define ON_PATH(name, parameters, types, path, ...)            \
  int name parameters {                                        \
    REAL(int, #name, types);                                   \
    if (Inside(path)) Step();                                  \
    return real(__VA_ARGS__);                                  \
  }
#define TYPES(...) __VA_ARGS__
ON_PATH(rename, (const char* from, const char* to), TYPES(const char*, const char*), to, from, to)
ON_PATH(link, (const char* from, const char* to), TYPES(const char*, const char*), to, from, to)
ON_PATH(unlink, (const char* path), TYPES(const char*), path, path)
ON_PATH(remove, (const char* path), TYPES(const char*), path, path)
ON_PATH(mkdir, (const char* path, mode_t mode), TYPES(const char*, mode_t), path, path, mode)
ON_PATH(rmdir, (const char* path), TYPES(const char*), path, path)

int unlinkat(int fd, const char* path, int flags) {
  REAL(int, "unlinkat", int, const char*, int);
  if (path[0] == '/' ? Inside(path) : InsideFd(fd)) Step();
  return real(fd, path, flags);
}

static int Sync(int fd, int (*real)(int)) {
  const int inside = InsideFd(fd);
  if (inside) Step();
  const int done = real(fd);
  const int error = errno;
  /* Between the two the power may have gone: then it was not synced, and nobody was told that it was. */
  if (inside && done == 0 && !(crash_at > 0 && atomic_load(steps) >= crash_at)) Synced(fd);
  errno = error;
  return done;
}

int fsync(int fd) {
  REAL(int, "fsync", int);
  return Sync(fd, real);
}

int fdatasync(int fd) {
  REAL(int, "fdatasync", int);
  return Sync(fd, real);
}
