// A folder that goes away with the test.
#ifndef SEALTRAIN_TESTS_UTIL_TEMP_DIR_H_
#define SEALTRAIN_TESTS_UTIL_TEMP_DIR_H_

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "sealtrain/base/env.h"

namespace sealtrain::testing {

class TempDir {
 public:
  TempDir() : TempDir(std::filesystem::temp_directory_path().string()) {}
  explicit TempDir(const std::string& parent) {
    std::string pattern = JoinPath(parent, "sealtrain.XXXXXX");
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  // A parent in memory where the machine has one: a test that makes thousands of
  // small folders need not wait for a disk.
  static std::string ParentInMemory() {
    const std::string memory = "/dev/shm";
    return std::filesystem::is_directory(memory) ? memory
                                                 : std::filesystem::temp_directory_path().string();
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string Join(absl::string_view name) const { return JoinPath(path_, name); }

 private:
  std::string path_;
};

}  // namespace sealtrain::testing

#endif  // SEALTRAIN_TESTS_UTIL_TEMP_DIR_H_
