#include "native/mongodb/mongodb.h"

#include <gtest/gtest.h>

namespace aimass::mongodb {
namespace {

std::string HostsOf(std::string host, std::string replica_set = "rs") {
  Options options;
  options.host = std::move(host);
  options.replica_set = std::move(replica_set);
  const auto hosts = Hosts(options);
  return hosts ? *hosts : "! " + hosts.error().ToString();
}

TEST(Hosts, HaveTheirPorts) {
  EXPECT_EQ(HostsOf("a"), "a:27017");
  EXPECT_EQ(HostsOf("a:1, b ,c.example.com:65535"), "a:1,b:27017,c.example.com:65535");
  EXPECT_EQ(HostsOf("::1"), "[::1]:27017");
  EXPECT_EQ(HostsOf("[::1]:5"), "[::1]:5");
}

TEST(Hosts, AreNothingElse) {
  for (const char* wrong :
       {"", "a,,b", "a/?tls=false", "user:p@a", "/tmp/socket", "a:0", "a:x", "a:70000", "a?x"})
    EXPECT_TRUE(HostsOf(wrong).starts_with("! ")) << wrong;
  EXPECT_TRUE(HostsOf("a,b", "").starts_with("! ")) << "several need a replica set";
}

}  // namespace
}  // namespace aimass::mongodb
