// What a new root key costs: every key of a home is unwrapped, wrapped anew and
// committed. No shard is read or written, so the number of shards does not matter.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "sealtrain/custody/custodian.h"
#include "sealtrain/custody/key_store_internal.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain {
namespace {

template <typename T>
T Must(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::cerr << result.status() << "\n";
    std::exit(1);
  }
  return *std::move(result);
}
void Must(const absl::Status& status) {
  if (!status.ok()) {
    std::cerr << status << "\n";
    std::exit(1);
  }
}

// Argument: class keys in the home. The root key's Argon2id, at the parameters
// that `sealtrain init` takes, is part of it.
void BM_RotateRootKey(benchmark::State& state) {
  const testing::TempDir folder;
  const custody::CustodianOptions options{.home = folder.Join("home")};
  const crypto::SecretBytes passphrase = Must(crypto::SecretBytes::CopyFrom(AsBytes("bench")));
  Must(custody::Custodian::Create(options, {.log_origin = "bench/sealtrain", .argon2 = {}},
                                  passphrase));
  {
    custody::Database db = Must(custody::Database::Open(JoinPath(options.home, "keystore.db")));
    const custody::RootKeyRecord root = Must(custody::GetRootKeyRecord(db));
    custody::KeyStore keys =
        Must(custody::KeyStore::Open(db, Must(crypto::KekFromPassphrase(passphrase, root.argon2))));
    custody::Transaction transaction = Must(custody::Transaction::Begin(db));
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      Must(keys.AddClassKey(custody::DatasetScope(absl::StrCat("d", i / 17)),
                            static_cast<int>(i % 17), custody::kFirstKeyEpoch));
    }
    Must(transaction.Commit());
  }
  const auto custodian = Must(custody::Custodian::Open(options, passphrase));
  for (auto _ : state) Must(custodian->RotateRootKey("bench", passphrase));
}
BENCHMARK(BM_RotateRootKey)->Arg(17)->Arg(10'000)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace sealtrain
