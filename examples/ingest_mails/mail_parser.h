// One raw mail (RFC 5322, as it came off the wire) into one Mail record.
#ifndef SEALTRAIN_EXAMPLES_INGEST_MAILS_MAIL_PARSER_H_
#define SEALTRAIN_EXAMPLES_INGEST_MAILS_MAIL_PARSER_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mail.pb.h"

// Fills every field but `spam`. Text of all text parts is decoded to UTF-8;
// bytes that fit no declared charset are read as ISO-8859-1, which never fails.
// InvalidArgument: these bytes are no mail.
absl::StatusOr<example::Mail> ParseMail(absl::string_view raw);

#endif  // SEALTRAIN_EXAMPLES_INGEST_MAILS_MAIL_PARSER_H_
