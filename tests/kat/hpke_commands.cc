#include <algorithm>
#include <memory>

#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hpke.h"
#include "sealtrain/crypto/x25519_internal.h"
#include "sealtrain/tests/kat/kat.h"

namespace sealtrain::kat {
namespace {

struct X25519Args {
  std::string algorithm = "x25519";
  Bytes private_key;
  Bytes public_key;
};

Answer AgreeOnSecret(const X25519Args& args) {
  ST_ASSIGN_OR_RETURN(const crypto::SecretBytes shared,
                      crypto::X25519(args.private_key, args.public_key));
  return HexLine(shared.span());
}

struct HpkeArgs {
  Bytes key;  // public to seal, private to open
  Bytes info;
  Bytes aad;
};

Answer SealToRecipient(const HpkeArgs& args) {
  crypto::HpkePublicKey recipient;
  if (args.key.size() != recipient.bytes.size()) {
    return absl::InvalidArgumentError("an HPKE public key has 32 bytes");
  }
  std::copy(args.key.begin(), args.key.end(), recipient.bytes.begin());
  return crypto::HpkeSeal(recipient, args.info, args.aad, ReadStdin());
}

Answer OpenAsRecipient(const HpkeArgs& args) {
  ST_ASSIGN_OR_RETURN(crypto::SecretBytes key, crypto::SecretBytes::CopyFrom(args.key));
  ST_ASSIGN_OR_RETURN(const crypto::HpkeKeyPair recipient,
                      crypto::HpkeKeyPair::FromPrivateKey(std::move(key)));
  ST_ASSIGN_OR_RETURN(const crypto::SecretBytes plaintext,
                      crypto::HpkeOpen(recipient, args.info, args.aad, ReadStdin()));
  return ToBytes(plaintext.span());
}

void AddHpkeCommand(Menu& menu, const std::string& name, const std::string& help,
                    const std::string& key_option, Answer (*answer)(const HpkeArgs&)) {
  auto args = std::make_shared<HpkeArgs>();
  CLI::App* command = menu.Add(name, help, [args, answer] { return answer(*args); });
  AddHexOption(command, key_option, args->key, "The recipient's, 32 bytes")->required();
  AddHexOption(command, "--info", args->info, "What it is for; empty if not given");
  AddHexOption(command, "--aad", args->aad, "Associated data; none if not given");
}

}  // namespace

void AddHpkeCommands(Menu& menu) {
  auto args = std::make_shared<X25519Args>();
  CLI::App* command = menu.Add("x25519", "Print the secret that two keys share as hex",
                               [args] { return AgreeOnSecret(*args); });
  AddAlgorithmOption(command, args->algorithm, {"x25519"});
  AddHexOption(command, "--private-key", args->private_key, "32 bytes")->required();
  AddHexOption(command, "--public-key", args->public_key, "32 bytes")->required();

  AddHpkeCommand(menu, "hpke-seal", "Seal stdin to a recipient: encapsulated key, then message",
                 "--public-key", &SealToRecipient);
  AddHpkeCommand(menu, "hpke-open", "Open what hpke-seal wrote, on stdin", "--private-key",
                 &OpenAsRecipient);
}

}  // namespace sealtrain::kat
