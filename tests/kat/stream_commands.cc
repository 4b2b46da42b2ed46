#include <memory>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/key.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/tests/kat/kat.h"

namespace sealtrain::kat {
namespace {

struct StreamArgs {
  Bytes key;
  Bytes aad;
  crypto::StreamOptions options;
};

absl::StatusOr<crypto::Dek> DekFrom(ByteSpan bytes) {
  ST_ASSIGN_OR_RETURN(crypto::SecretBytes secret, crypto::SecretBytes::CopyFrom(bytes));
  return crypto::Dek::FromBytes(std::move(secret));
}

Answer FloeOpen(const StreamArgs& args) {
  ST_ASSIGN_OR_RETURN(const crypto::Dek key, DekFrom(args.key));
  ST_ASSIGN_OR_RETURN(const crypto::SecretBytes plaintext,
                      crypto::OpenStream(key, args.aad, ReadStdin(), args.options));
  return ToBytes(plaintext.span());
}

Answer FloeSeal(const StreamArgs& args) {
  ST_ASSIGN_OR_RETURN(const crypto::Dek key, DekFrom(args.key));
  return crypto::SealStream(key, args.aad, ReadStdin(), args.options);
}

void AddStreamCommand(Menu& menu, const std::string& name, const std::string& help,
                      Answer (*answer)(const StreamArgs&)) {
  auto args = std::make_shared<StreamArgs>();
  CLI::App* command = menu.Add(name, help, [args, answer] { return answer(*args); });
  AddHexOption(command, "--key", args->key, "32 bytes")->required();
  AddHexOption(command, "--aad", args->aad, "Associated data; none if not given");
  command->add_option("--seglen", args->options.segment_bytes, "Bytes of an encrypted segment")
      ->capture_default_str();
  command->add_option("--rotbits", args->options.rotation_bits, "AEAD_ROTATION_MASK of FLOE")
      ->capture_default_str();
}

}  // namespace

void AddStreamCommands(Menu& menu) {
  AddStreamCommand(menu, "floe-open", "Open the FLOE stream on stdin", &FloeOpen);
  AddStreamCommand(menu, "floe-seal", "Seal stdin as a FLOE stream", &FloeSeal);
}

}  // namespace sealtrain::kat
