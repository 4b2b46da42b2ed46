#include <algorithm>
#include <memory>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/key_derivation.h"
#include "sealtrain/crypto/signing.h"
#include "sealtrain/tests/kat/kat.h"
#include "sealtrain/tests/kat/library_algorithms.h"

namespace sealtrain::kat {
namespace {

struct MacArgs {
  std::string algorithm;
  Bytes key;
  Bytes message;
};

Answer ComputeMac(const MacArgs& args) {
  ST_ASSIGN_OR_RETURN(const Digest tag, crypto::HmacSha256(args.key, args.message));
  return HexLine(tag);
}

struct HkdfArgs {
  std::string algorithm;
  Bytes ikm;
  Bytes salt;
  Bytes info;
  std::uint16_t length = 0;  // RFC 5869 ends far below 2^16
};

Answer DeriveHkdf(const HkdfArgs& args) {
  Bytes out(args.length);
  ST_RETURN_IF_ERROR(crypto::Hkdf(args.algorithm == "sha256" ? 256 : 384, args.ikm, args.salt,
                                  args.info, absl::MakeSpan(out)));
  return HexLine(out);
}

constexpr absl::string_view kFloeWrap = "floe";

struct WrapArgs {
  std::string algorithm = std::string(kFloeWrap);
  Bytes kek;
  Bytes context;
  Bytes secret;  // to wrap, or wrapped
};

absl::StatusOr<crypto::Kek> KekFrom(ByteSpan bytes) {
  ST_ASSIGN_OR_RETURN(crypto::SecretBytes secret, crypto::SecretBytes::CopyFrom(bytes));
  return crypto::Kek::FromBytes(std::move(secret));
}

absl::Status CheckKwpContext(const WrapArgs& args) {
  if (args.context.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("aes-kwp binds to no context");
}

Answer Wrap(const WrapArgs& args) {
  if (args.algorithm != kFloeWrap) {
    ST_RETURN_IF_ERROR(CheckKwpContext(args));
    ST_ASSIGN_OR_RETURN(const Bytes wrapped, WrapAesKwp(args.kek, args.secret));
    return HexLine(wrapped);
  }
  ST_ASSIGN_OR_RETURN(const crypto::Kek kek, KekFrom(args.kek));
  ST_ASSIGN_OR_RETURN(const Bytes wrapped,
                      crypto::KeyWrap::WrapBytes(kek, args.context, args.secret));
  return HexLine(wrapped);
}

Answer Unwrap(const WrapArgs& args) {
  if (args.algorithm != kFloeWrap) {
    ST_RETURN_IF_ERROR(CheckKwpContext(args));
    ST_ASSIGN_OR_RETURN(const Bytes key, UnwrapAesKwp(args.kek, args.secret));
    return HexLine(key);
  }
  ST_ASSIGN_OR_RETURN(const crypto::Kek kek, KekFrom(args.kek));
  ST_ASSIGN_OR_RETURN(const crypto::SecretBytes secret,
                      crypto::KeyWrap::UnwrapBytes(kek, args.context, args.secret));
  return HexLine(secret.span());
}

struct VerifyArgs {
  std::string algorithm;
  Bytes public_key;
  Bytes message;
  Bytes signature;
};

Answer Verify(const VerifyArgs& args) {
  crypto::PublicKey key{};
  if (args.public_key.size() != key.size()) {
    return absl::InvalidArgumentError("an Ed25519 public key has 32 bytes");
  }
  std::copy(args.public_key.begin(), args.public_key.end(), key.begin());
  ST_RETURN_IF_ERROR(crypto::VerifySignature(key, args.message, args.signature));
  return Bytes();
}

void AddWrapCommand(Menu& menu, const std::string& name, const std::string& help,
                    Answer (*answer)(const WrapArgs&), const std::string& secret_option,
                    const std::string& secret_help) {
  auto args = std::make_shared<WrapArgs>();
  CLI::App* command = menu.Add(name, help, [args, answer] { return answer(*args); });
  AddAlgorithmOption(command, args->algorithm, {std::string(kFloeWrap), "aes-kwp"});
  AddHexOption(command, "--kek", args->kek, "32 bytes")->required();
  AddHexOption(command, "--context", args->context, "What the wrapping is bound to");
  AddHexOption(command, secret_option, args->secret, secret_help)->required();
}

}  // namespace

void AddKeyCommands(Menu& menu) {
  auto mac = std::make_shared<MacArgs>();
  CLI::App* command = menu.Add("mac", "Print a message authentication code as hex",
                               [mac] { return ComputeMac(*mac); });
  AddAlgorithmOption(command, mac->algorithm, {"hmac-sha256"})->required();
  AddHexOption(command, "--key", mac->key, "Key of any length")->required();
  AddHexOption(command, "--message", mac->message, "Message; empty if not given");

  auto hkdf = std::make_shared<HkdfArgs>();
  command = menu.Add("hkdf", "Print HKDF output as hex", [hkdf] { return DeriveHkdf(*hkdf); });
  AddAlgorithmOption(command, hkdf->algorithm, {"sha256", "sha384"})->required();
  AddHexOption(command, "--ikm", hkdf->ikm, "Input key material")->required();
  AddHexOption(command, "--salt", hkdf->salt, "Salt; empty if not given");
  AddHexOption(command, "--info", hkdf->info, "Info; empty if not given");
  command->add_option("--length", hkdf->length, "Bytes to derive")->required();

  AddWrapCommand(menu, "wrap", "Wrap a key; print it as hex", &Wrap, "--key",
                 "The key, up to 65504 bytes");
  AddWrapCommand(menu, "unwrap", "Unwrap a key; print it as hex", &Unwrap, "--wrapped",
                 "The wrapped key");

  auto verify = std::make_shared<VerifyArgs>();
  command =
      menu.Add("verify", "Check a signature; print nothing", [verify] { return Verify(*verify); });
  AddAlgorithmOption(command, verify->algorithm, {"ed25519"})->required();
  AddHexOption(command, "--public-key", verify->public_key, "32 bytes")->required();
  AddHexOption(command, "--message", verify->message, "Message; empty if not given");
  AddHexOption(command, "--signature", verify->signature, "64 bytes")->required();
}

}  // namespace sealtrain::kat
