// Linked into every module's tests: each run of a test program has a temporary folder of its own,
// so that tests with the same file names can run side by side. It is gone when the run ends.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

namespace {

class ScratchFolder final : public testing::Environment {
 public:
  void SetUp() override {
    std::string path = std::filesystem::temp_directory_path() / "aimass-test-XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr) << path;
    path_ = path + "/";
    using std::filesystem::perms;  // a test may look at it as another user
    std::filesystem::permissions(path, perms::owner_all | perms::group_exec | perms::others_exec);
    setenv("TMPDIR", path.c_str(), 1);        // std::filesystem, and programs that tests start
    setenv("TEST_TMPDIR", path_.c_str(), 1);  // testing::TempDir()
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

 private:
  std::string path_;
};

const auto* const kScratch =
    testing::AddGlobalTestEnvironment(std::make_unique<ScratchFolder>().release());

}  // namespace
