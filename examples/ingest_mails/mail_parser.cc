#include "mail_parser.h"

#include <arpa/inet.h>
#include <gmime/gmime.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"

namespace {

template <typename T>
struct Unref {
  void operator()(T* object) const { g_object_unref(object); }
};
template <typename T>
using GObjectPtr = std::unique_ptr<T, Unref<T>>;

std::string Utf8(const char* text) {
  if (text == nullptr) return "";
  if (g_utf8_validate(text, -1, nullptr)) return text;
  gsize size = 0;
  char* converted = g_convert(text, -1, "UTF-8", "ISO-8859-1", nullptr, &size, nullptr);
  if (converted == nullptr) return "";
  std::string result(converted, size);
  g_free(converted);
  return result;
}

bool IsPublicIpv4(const std::string& text) {
  in_addr parsed;
  if (::inet_pton(AF_INET, text.c_str(), &parsed) != 1) return false;
  const std::uint32_t address = ntohl(parsed.s_addr);
  const auto in = [address](std::uint32_t network, int bits) {
    return address >> (32 - bits) == network >> (32 - bits);
  };
  return !in(0x00000000, 8) && !in(0x0A000000, 8) && !in(0x7F000000, 8) && !in(0xA9FE0000, 16) &&
         !in(0xAC100000, 12) && !in(0xC0A80000, 16) && !in(0xE0000000, 3);
}

// The first public address of the oldest Received header that has one: the
// machine that handed the mail to the first server outside.
std::string ClientIp(GMimeMessage* message) {
  GMimeHeaderList* headers = g_mime_object_get_header_list(GMIME_OBJECT(message));
  for (int i = g_mime_header_list_get_count(headers) - 1; i >= 0; --i) {
    GMimeHeader* header = g_mime_header_list_get_header_at(headers, i);
    if (g_ascii_strcasecmp(g_mime_header_get_name(header), "Received") != 0) continue;
    const std::string value = Utf8(g_mime_header_get_raw_value(header));
    for (absl::string_view word :
         absl::StrSplit(value, absl::ByAnyChar("[]() \t\r\n;,"), absl::SkipEmpty())) {
      if (std::string candidate(word); IsPublicIpv4(candidate)) return candidate;
    }
  }
  return "";
}

void FirstMailbox(InternetAddressList* list, std::string* address, std::string* name) {
  for (int i = 0; list != nullptr && i < internet_address_list_length(list); ++i) {
    InternetAddress* entry = internet_address_list_get_address(list, i);
    if (!INTERNET_ADDRESS_IS_MAILBOX(entry)) continue;
    *address = absl::AsciiStrToLower(
        Utf8(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(entry))));
    if (name != nullptr) *name = Utf8(internet_address_get_name(entry));
    return;
  }
}

void AppendText(GMimeObject* /*parent*/, GMimeObject* part, gpointer body) {
  if (!GMIME_IS_TEXT_PART(part)) return;
  char* text = g_mime_text_part_get_text(GMIME_TEXT_PART(part));
  static_cast<std::string*>(body)->append(Utf8(text)).append("\n");
  g_free(text);
}

}  // namespace

absl::StatusOr<example::Mail> ParseMail(absl::string_view raw) {
  // Old mailbox files put an envelope line in front of the headers.
  if (raw.substr(0, 5) == "From ") raw.remove_prefix(std::min(raw.size(), raw.find('\n') + 1));

  GObjectPtr<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(raw.data(), raw.size()));
  GObjectPtr<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
  GObjectPtr<GMimeMessage> message(g_mime_parser_construct_message(parser.get(), nullptr));
  if (message == nullptr) return absl::InvalidArgumentError("not a mail");

  example::Mail mail;
  mail.set_message_id(Utf8(g_mime_message_get_message_id(message.get())));
  FirstMailbox(g_mime_message_get_from(message.get()), mail.mutable_sender(),
               mail.mutable_sender_name());
  FirstMailbox(g_mime_message_get_to(message.get()), mail.mutable_recipient(), nullptr);
  mail.set_client_ip(ClientIp(message.get()));
  if (GDateTime* date = g_mime_message_get_date(message.get())) {
    mail.set_sent_unix(g_date_time_to_unix(date));
  }
  mail.set_subject(Utf8(g_mime_message_get_subject(message.get())));
  std::string body;
  g_mime_message_foreach(message.get(), AppendText, &body);
  // Protobuf strings may hold NUL, C strings may not; some mails have them.
  body.erase(std::remove(body.begin(), body.end(), '\0'), body.end());
  mail.set_body(std::move(body));
  return mail;
}
