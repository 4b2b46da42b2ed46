#include <memory>

#include "sealtrain/audit/note.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/tests/kat/kat.h"

namespace sealtrain::kat {

void AddNoteCommand(Menu& menu) {
  auto vkey = std::make_shared<std::string>();
  CLI::App* command =
      menu.Add("note-verify", "Check the signed note on stdin; print its text", [vkey]() -> Answer {
        const Bytes note = ReadStdin();
        ST_ASSIGN_OR_RETURN(const std::string text,
                            audit::VerifyNote(AsText(note), absl::string_view(*vkey)));
        return ToBytes(AsBytes(text));
      });
  command->add_option("--vkey", *vkey, "Verifier key: <name>+<key id>+<base64>")->required();
}

}  // namespace sealtrain::kat
