#include "sealtrain/custody/home_config_internal.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/custody/config.pb.h"

namespace sealtrain::custody {
namespace {

constexpr std::uint64_t kMaxConfigBytes = 64 * 1024;
constexpr std::uint32_t kFormat = 1;
constexpr std::uint64_t kMinMemory = 8ull << 10;
constexpr std::uint64_t kMaxMemory = 1ull << 30;
constexpr std::uint32_t kMaxPasses = 10;

// Keeps the first error, with its place, instead of printing it.
class FirstError final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (text_.empty()) text_ = absl::StrCat(line + 1, ":", column + 1, ": ", message);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

absl::Status Bad(const std::string& path, absl::string_view what) {
  return absl::DataLossError(absl::StrCat(path, ": ", what));
}

}  // namespace

std::string ConfigPath(const std::string& home) { return JoinPath(home, "config.textproto"); }
std::string KeyStorePath(const std::string& home) { return JoinPath(home, "keystore.db"); }
std::string LockPath(const std::string& home) { return JoinPath(home, "lock"); }
std::string AuditPath(const std::string& home) { return JoinPath(home, "audit"); }
std::string PolicyDirectory(const std::string& home) { return JoinPath(home, "policy"); }

absl::Status WriteHomeConfig(Env& env, const std::string& home, const HomeSettings& config) {
  HomeConfig proto;
  proto.set_format(kFormat);
  proto.set_log_origin(config.log_origin);
  PassphraseRoot& root = *proto.mutable_passphrase();
  root.set_memory_bytes(config.argon2.memory_bytes);
  root.set_passes(config.argon2.passes);
  root.set_salt(std::string(AsText(config.argon2.salt)));
  std::string text;
  if (!google::protobuf::TextFormat::PrintToString(proto, &text)) {
    return absl::InternalError("cannot print the home's configuration");
  }
  return WriteFileDurably(env, ConfigPath(home), AsBytes(text));
}

absl::StatusOr<HomeSettings> ReadHomeConfig(Env& env, const std::string& home) {
  const std::string path = ConfigPath(home);
  absl::StatusOr<std::string> text = env.ReadFile(path, kMaxConfigBytes);
  if (absl::IsOutOfRange(text.status())) return Bad(path, "too long for a configuration");
  ST_RETURN_IF_ERROR(text.status());

  HomeConfig proto;
  FirstError errors;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  if (!parser.ParseFromString(*text, &proto)) return Bad(path, errors.text());
  if (proto.format() != kFormat) {
    return Bad(
        path, absl::StrCat("format ", proto.format(), " is unknown, this program reads ", kFormat));
  }
  if (!proto.has_passphrase()) return Bad(path, "no root key provider");
  const PassphraseRoot& root = proto.passphrase();
  HomeSettings config;
  config.log_origin = proto.log_origin();
  config.argon2.memory_bytes = root.memory_bytes();
  config.argon2.passes = root.passes();
  if (root.memory_bytes() < kMinMemory || root.memory_bytes() > kMaxMemory) {
    return Bad(path, "passphrase.memory_bytes is out of range [8 KiB, 1 GiB]");
  }
  if (root.passes() < 1 || root.passes() > kMaxPasses) {
    return Bad(path, "passphrase.passes is out of range [1, 10]");
  }
  if (root.salt().size() != config.argon2.salt.size()) {
    return Bad(path, "passphrase.salt has not 16 bytes");
  }
  const ByteSpan salt = AsBytes(root.salt());
  std::copy(salt.begin(), salt.end(), config.argon2.salt.begin());
  return config;
}

}  // namespace sealtrain::custody
