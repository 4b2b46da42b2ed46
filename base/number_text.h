// How a number is shown to people.
#ifndef SEALTRAIN_BASE_NUMBER_TEXT_H_
#define SEALTRAIN_BASE_NUMBER_TEXT_H_

#include <string>

namespace sealtrain {

// The shortest text that reads back as the same number, so that two numbers never look
// alike: "3", "0.1", "1e-06", "3.0000001".
std::string NumberText(double number);

}  // namespace sealtrain

#endif  // SEALTRAIN_BASE_NUMBER_TEXT_H_
