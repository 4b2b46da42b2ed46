#include "sealtrain/custody/home_config_internal.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/custody/text_proto_internal.h"

namespace sealtrain::custody {
namespace {

constexpr std::uint64_t kMaxConfigBytes = 64 * 1024;
constexpr std::uint32_t kFormat = 1;

absl::Status Bad(const std::string& path, absl::string_view what) {
  return absl::DataLossError(absl::StrCat(path, ": ", what));
}

}  // namespace

std::string ConfigPath(const std::string& home) { return JoinPath(home, "config.textproto"); }
std::string KeyStorePath(const std::string& home) { return JoinPath(home, "keystore.db"); }
std::string LockPath(const std::string& home) { return JoinPath(home, "lock"); }
std::string AuditPath(const std::string& home) { return JoinPath(home, "audit"); }
std::string PolicyDirectory(const std::string& home) { return JoinPath(home, "policy"); }

absl::Status WriteHomeConfig(Env& env, const std::string& home, const std::string& log_origin) {
  HomeConfig config;
  config.set_format(kFormat);
  config.set_log_origin(log_origin);
  std::string text;
  if (!google::protobuf::TextFormat::PrintToString(config, &text)) {
    return absl::InternalError("cannot print the home's configuration");
  }
  return WriteFileDurably(env, ConfigPath(home), AsBytes(text));
}

absl::StatusOr<HomeConfig> ReadHomeConfig(Env& env, const std::string& home) {
  const std::string path = ConfigPath(home);
  absl::StatusOr<std::string> text = env.ReadFile(path, kMaxConfigBytes);
  if (absl::IsOutOfRange(text.status())) return Bad(path, "too long for a configuration");
  ST_RETURN_IF_ERROR(text.status());

  HomeConfig config;
  const absl::Status parsed = ParseTextProto(*text, config);
  if (!parsed.ok()) return Bad(path, parsed.message());
  if (config.format() != kFormat) {
    return Bad(path, absl::StrCat("format ", config.format(), " is unknown, this program reads ",
                                  kFormat));
  }
  return config;
}

}  // namespace sealtrain::custody
