#include "store/user_path.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/id.h"

namespace aimass {
namespace {
namespace fs = std::filesystem;

TEST(UserPath, FollowsLinksAndKeepsTheDataFolderApart) {
  const fs::path root = fs::canonical(fs::temp_directory_path()) / NewId();
  const std::string data = root / "data";
  fs::create_directories(data + "/workspaces");
  fs::create_directories(root / "databases");
  std::ofstream(data + "/admin.key") << "secret";
  std::ofstream(root / "table.csv") << "a\n1\n";
  fs::create_symlink(data + "/admin.key", root / "link.csv");
  fs::create_symlink(root / "table.csv", root / "good.csv");

  struct Case {
    std::string path;
    ErrorCode code;
  };
  for (const Case& c :
       {Case{"table.csv", ErrorCode::kUnprocessable}, Case{root / "nothing", ErrorCode::kNotFound},
        Case{(root / "table.csv").string() + '\0', ErrorCode::kNotFound},
        Case{data, ErrorCode::kPermissionDenied},
        Case{data + "/admin.key", ErrorCode::kPermissionDenied},
        Case{data + "/../data/admin.key", ErrorCode::kPermissionDenied},
        Case{root / "link.csv", ErrorCode::kPermissionDenied},
        Case{root, ErrorCode::kPermissionDenied}, Case{"/", ErrorCode::kPermissionDenied}}) {
    const auto found = UserPath(c.path, data);
    ASSERT_FALSE(found) << c.path;
    EXPECT_EQ(found.error().code, c.code) << c.path;
  }
  EXPECT_EQ(UserPath(root / "good.csv", data).value(), root / "table.csv");
  EXPECT_EQ(UserPath(root / "databases", data).value(), root / "databases");
  fs::remove_all(root);
}

}  // namespace
}  // namespace aimass
