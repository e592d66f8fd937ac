#!/bin/bash
# Makes dist/aimass-VERSION-linux-x86_64.tar.gz (unpack anywhere, run bin/aimass) and dist/aimass_VERSION_amd64.deb.
#
# Both carry the libraries that the binary loads, except those of glibc itself: they run on any x86-64 Linux with
# glibc 2.36 or later.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(cat VERSION)
[ -x build/aimass ] || { echo "package: expected build/aimass, found none; run make build" >&2; exit 1; }
mkdir -p dist
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
tree="$stage/aimass-$version"
mkdir -p "$tree/bin/lib" "$tree/licences"

# The binary looks for its libraries in lib/ beside it ($ORIGIN/lib), so bin/ keeps the shape of build/.
strip --strip-debug -o "$tree/bin/aimass" build/aimass
cp -L build/lib/* "$tree/bin/lib/"
ldd build/aimass build/lib/*.so* | sed -n 's/^[[:space:]]*\(lib[^ ]*\) => \(\/[^ ]*\) .*/\1 \2/p' | sort -u |
while read -r name place; do
  case "$name" in
    libc.so.* | libm.so.* | libdl.so.* | libpthread.so.* | librt.so.* | libresolv.so.*) continue ;;
  esac
  [ -e "$tree/bin/lib/$name" ] || cp -L "$place" "$tree/bin/lib/$name"
done

# How a client signs in to MySQL 8 and to MariaDB's ed25519 accounts.
mkdir -p "$tree/bin/lib/mariadb-plugins"
cp -L /usr/lib/*/libmariadb3/plugin/{caching_sha2_password,client_ed25519,sha256_password}.so "$tree/bin/lib/mariadb-plugins/"

cp LICENSE THIRD_PARTY_NOTICES "$tree/"
for page in README.md README.zh.md; do [ ! -f "$page" ] || cp "$page" "$tree/"; done
cp -L build/deps/licences/* "$tree/licences/"
for library in "$tree"/bin/lib/*.so*; do  # Debian's own texts of what was copied
  place=$(ldconfig -p | sed -n "s|^[[:space:]]*$(basename "$library") .*=> ||p" | head -n 1)
  [ -n "$place" ] || continue
  owner=$(dpkg -S "$place" 2>/dev/null || dpkg -S "$(readlink -f "$place")" 2>/dev/null || true)
  owner=${owner%%:*}
  [ ! -f "/usr/share/doc/$owner/copyright" ] || cp "/usr/share/doc/$owner/copyright" "$tree/licences/$owner.txt"
done
for package in libboost1.81-dev libcli11-dev libeigen3-dev nlohmann-json3-dev libxgboost-dev; do  # headers only
  [ ! -f "/usr/share/doc/$package/copyright" ] || cp -L "/usr/share/doc/$package/copyright" "$tree/licences/$package.txt"
done

tarball="dist/aimass-$version-linux-x86_64.tar.gz"
tar -C "$stage" --sort=name --owner=0 --group=0 --mtime="@${SOURCE_DATE_EPOCH:-0}" -czf "$tarball" "aimass-$version"
echo "$tarball"

if command -v dpkg-deb >/dev/null; then
  root="$stage/deb"
  mkdir -p "$root/DEBIAN" "$root/opt" "$root/usr/bin"
  cp -r "$tree" "$root/opt/aimass"
  ln -s /opt/aimass/bin/aimass "$root/usr/bin/aimass"
  cat > "$root/DEBIAN/control" <<EOF
Package: aimass
Version: $version
Architecture: amd64
Maintainer: AI Mass developers <developers@aimass.invalid>
Depends: libc6 (>= 2.36)
Installed-Size: $(du -sk "$root/opt" | cut -f1)
Section: database
Priority: optional
Description: from the data a company has to decisions that a model makes live
 One server: collects data into open Delta Lake tables, trains models, serves
 them, and answers in SQL, REST and plain words.
EOF
  dpkg-deb --root-owner-group -Zxz -z1 --build "$root" "dist/aimass_${version}_amd64.deb" >/dev/null
  echo "dist/aimass_${version}_amd64.deb"
fi

# It runs from where it was not built, with nothing but itself.
check=$(mktemp -d)
tar -C "$check" -xzf "$tarball"
env -i PATH=/usr/bin:/bin "$check/aimass-$version/bin/aimass" --version
rm -rf "$check"
