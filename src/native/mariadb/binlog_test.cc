#include "native/mariadb/binlog.h"

#include <gtest/gtest.h>

namespace aimass::mariadb {
namespace {

TEST(Concerns, IsByTheNameOfTheTable) {
  const auto concerns = [](std::string_view sql) { return Concerns(sql, "shop", "Orders"); };
  EXPECT_TRUE(concerns("ALTER TABLE `orders` ADD COLUMN x INT"));
  EXPECT_TRUE(concerns("truncate shop.ORDERS"));
  EXPECT_TRUE(concerns("RENAME TABLE orders_new TO orders"));
  EXPECT_TRUE(concerns("INSERT INTO orders VALUES (1)"));
  EXPECT_TRUE(concerns("DROP DATABASE shop"));
  EXPECT_FALSE(concerns("DROP DATABASE shop_old"));
  EXPECT_FALSE(concerns("ALTER TABLE orders_old ADD COLUMN x INT"));
  EXPECT_FALSE(concerns("ALTER TABLE 订单orders ADD COLUMN x INT"));
  EXPECT_FALSE(concerns("ANALYZE TABLE orders"));
  EXPECT_FALSE(concerns("COMMIT"));
}

TEST(BinlogNumber, StandsBehindTheLastPoint) {
  EXPECT_EQ(BinlogNumber("mariadb-bin.000012"), 12U);
  EXPECT_EQ(BinlogNumber("a.b.1000000"), 1'000'000U);
  EXPECT_EQ(BinlogNumber("none"), 0U);
}

}  // namespace
}  // namespace aimass::mariadb
