// One factory for each format; OpenSource() picks one.
#ifndef SEALTRAIN_PIPELINE_SOURCE_FORMATS_INTERNAL_H_
#define SEALTRAIN_PIPELINE_SOURCE_FORMATS_INTERNAL_H_

#include <istream>
#include <memory>
#include <string>

#include "sealtrain/pipeline/source.h"

namespace sealtrain::pipeline {

std::unique_ptr<Source> OpenJsonl(std::istream& input, std::string name,
                                  std::shared_ptr<const policy::Schema> schema);
std::unique_ptr<Source> OpenCsv(std::istream& input, std::string name,
                                std::shared_ptr<const policy::Schema> schema);
std::unique_ptr<Source> OpenProtobuf(std::istream& input, std::string name,
                                     std::shared_ptr<const policy::Schema> schema);

}  // namespace sealtrain::pipeline

#endif  // SEALTRAIN_PIPELINE_SOURCE_FORMATS_INTERNAL_H_
