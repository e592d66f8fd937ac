#include "base/embedded.h"

#include <gtest/gtest.h>

#include "base/file.h"

namespace aimass {
namespace {

TEST(Embedded, HoldsTheFilesOfTheRepository) {
  for (const EmbeddedFile& file : EmbeddedFiles()) {
    const auto found = FindEmbedded(file.path);
    ASSERT_TRUE(found.has_value()) << file.path;
    EXPECT_EQ(*found, file.content);
    const auto on_disk =
        ReadFile(std::string(file.path), 64 << 20);  // tests run in the repository's root
    ASSERT_TRUE(on_disk.has_value()) << file.path;
    EXPECT_EQ(*on_disk, file.content) << file.path;
  }
}

TEST(Embedded, KnowsWhatItDoesNotHold) { EXPECT_FALSE(FindEmbedded("api/none.yaml").has_value()); }

}  // namespace
}  // namespace aimass
