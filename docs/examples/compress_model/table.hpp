// SPDX-License-Identifier: MIT
// A table for people (aligned) and for programs (CSV).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace demo {

/// The first column is text and stands left, all others are numbers and stand right.
class table {
public:
    explicit table(std::vector<std::string> header);
    void add(std::vector<std::string> row);

    [[nodiscard]] std::string text() const;
    [[nodiscard]] std::string csv() const;

private:
    std::vector<std::vector<std::string>> rows_;
};

/// `value` with `digits` after the point.
std::string number(double value, int digits);
/// A count with its thousands apart: 2,200,400.
std::string count(std::size_t value);

} // namespace demo
