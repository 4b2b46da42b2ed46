// A fuzzer's seeds, and seeded changes to them, through the fuzzer's function:
// what libFuzzer explores for hours is looked at for a second in every build.
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/stubs/logging.h"
#include "sealtrain/base/env.h"
#include "sealtrain/tests/util/status_matchers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace sealtrain {
namespace {

constexpr int kChangedInputs = 3000;

std::vector<std::string> Seeds() {
  const std::string folder =
      absl::StrCat(SEALTRAIN_SOURCE_DIR, "/tests/fuzz/corpus/", SEALTRAIN_CORPUS);
  const auto names = Env::Posix().List(folder);
  EXPECT_OK(names);
  std::vector<std::string> seeds;
  for (const std::string& name : names.value_or(std::vector<std::string>())) {
    const auto seed = Env::Posix().ReadFile(JoinPath(folder, name), 1 << 20);
    EXPECT_OK(seed);
    seeds.push_back(seed.value_or(""));
  }
  return seeds;
}

void Feed(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

class Changer {
 public:
  explicit Changer(std::uint64_t seed) : random_(seed) {}

  std::string Change(const std::vector<std::string>& seeds) {
    std::string text = seeds[Below(seeds.size())];
    for (std::size_t changes = 1 + Below(5); changes > 0 && !text.empty(); --changes) {
      const std::size_t at = Below(text.size());
      const std::size_t length = 1 + Below(40);
      switch (Below(4)) {
        case 0:
          text[at] = static_cast<char>(text[at] ^ (1 << Below(8)));
          break;
        case 1:
          text.erase(at, length);
          break;
        case 2:
          text.insert(Below(text.size()), text.substr(at, length));
          break;
        default: {
          const std::string& other = seeds[Below(seeds.size())];
          text.insert(at, other.substr(Below(other.size()), length));
        }
      }
    }
    return text;
  }

 private:
  std::size_t Below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
  }
  std::mt19937_64 random_;
};

TEST(CorpusReplay, SurvivesItsSeeds) {
  const std::vector<std::string> seeds = Seeds();
  EXPECT_FALSE(seeds.empty());
  for (const std::string& seed : seeds) Feed(seed);
  Feed("");
}

TEST(CorpusReplay, SurvivesChangedSeeds) {
  const google::protobuf::LogSilencer silence;  // protobuf tells stderr of broken names
  const std::vector<std::string> seeds = Seeds();
  ASSERT_FALSE(seeds.empty());
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << std::endl;
  Changer changer(seed);
  for (int i = 0; i < kChangedInputs; ++i) Feed(changer.Change(seeds));
}

}  // namespace
}  // namespace sealtrain
