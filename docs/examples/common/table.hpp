// SPDX-License-Identifier: MIT
// A table for people (aligned) and for programs (CSV), and numbers as people read them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace demo {

/// The first column is text and stands left, all others are numbers and stand right.
class table {
public:
    explicit table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
    void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

    /// Columns as wide as their widest cell.
    [[nodiscard]] std::string text() const {
        std::vector<std::size_t> width(rows_.front().size());
        for (const auto& row : rows_) {
            for (std::size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
        }
        std::string out;
        for (const auto& row : rows_) {
            out += row[0] + std::string(width[0] - row[0].size(), ' ');
            for (std::size_t i = 1; i < row.size(); ++i) out += std::string(width[i] - row[i].size() + 2, ' ') + row[i];
            out.erase(out.find_last_not_of(' ') + 1); // of an empty cell at the end
            out += '\n';
            if (&row == &rows_.front()) {
                for (const std::size_t w : width) out += std::string(w, '-') + "  ";
                out.erase(out.size() - 2);
                out += '\n';
            }
        }
        return out;
    }

    [[nodiscard]] std::string csv() const {
        std::string out;
        for (const auto& row : rows_) {
            for (std::size_t i = 0; i < row.size(); ++i) {
                std::string cell = row[i];
                // Thousands are set apart for people only; text cells keep what they hold.
                const bool numeric = cell.find_first_not_of("0123456789,.-") == std::string::npos;
                if (numeric) cell.erase(std::remove(cell.begin(), cell.end(), ','), cell.end());
                if (i > 0) out += ',';
                const char* quote = cell.find(',') == std::string::npos ? "" : "\"";
                out.append(quote).append(cell).append(quote);
            }
            out += '\n';
        }
        return out;
    }

private:
    std::vector<std::vector<std::string>> rows_;
};

/// `value` with `digits` after the point.
inline std::string number(double value, int digits) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
}

/// A count with its thousands apart: 2,200,400.
inline std::string count(std::size_t value) {
    const std::string digits = std::to_string(value);
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
        text += digits[i];
    }
    return text;
}

} // namespace demo
