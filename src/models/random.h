#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace aimass {

/// A random sequence that is the same on every machine and library: SplitMix64.
/// Source   Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  /// A stream of its own for part `stream` of whatever `seed` stands for.
  Random(std::uint64_t seed, std::uint64_t stream)
      : state_(seed ^ (stream * 0xd1342543de82ef95ULL)) {
    Next();
    state_ += stream;
  }

  std::uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  /// [0, 1)
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }
  /// 0 … n-1; n > 0
  std::size_t Below(std::size_t n) {
    return static_cast<std::size_t>(Unit() * static_cast<double>(n));
  }
  double Uniform(double low, double high) { return low + (high - low) * Unit(); }
  double LogUniform(double low, double high) {
    return std::exp(Uniform(std::log(low), std::log(high)));
  }
  /// Approximately normal, mean 0 and deviation 1, within ±6.
  double Normal() {
    double sum = -6.0;
    for (int i = 0; i < 12; ++i) sum += Unit();
    return sum;
  }

 private:
  std::uint64_t state_;
};

/// FNV-1a, 64 bits: the hash behind every stored bucket number.
[[nodiscard]] constexpr std::uint64_t Fnv1a(std::string_view text,
                                            std::uint64_t hash = 0xcbf29ce484222325ULL) {
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ULL;
  }
  return hash;
}

}  // namespace aimass
