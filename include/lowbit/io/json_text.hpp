// SPDX-License-Identifier: MIT
// json_text: what stands between bytes from outside and the JSON engine: positions, strings in place, no long tokens.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string_view>

namespace lowbit::inline v0::io::detail {

/// Feeds text to the JSON engine byte by byte. The engine keeps neither positions nor the place of a string, collects every
/// run of spaces and every token in growing buffers, and takes a zero byte for the end of its input; so this
/// knows the position and the last string's place, hands on one space of a run, ends the input at a token that is too
/// long, and turns zero bytes into ones, which JSON allows nowhere.
class json_text {
public:
    json_text(std::string_view text, std::size_t longest_allowed) noexcept
        : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), token_(begin_), longest_allowed_(longest_allowed) {}

    /// Bytes that the engine has read.
    [[nodiscard]] std::size_t offset() const noexcept { return static_cast<std::size_t>(at_ - begin_); }
    /// The inside of the string whose closing quote was read last, as it stands in the text.
    [[nodiscard]] std::string_view last_string() const noexcept { return string_; }
    /// Whether the input was ended early, at a token that is too long.
    [[nodiscard]] bool refused() const noexcept { return refused_; }
    /// Bytes of the longest token so far.
    [[nodiscard]] std::size_t longest() const noexcept { return longest_; }

    /// A single-pass iterator; all copies of it share the text's position.
    class iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = char;
        using difference_type = std::ptrdiff_t;
        using pointer = const char*;
        using reference = char;

        iterator() noexcept = default;
        explicit iterator(json_text* text) noexcept : text_(text) {}
        char operator*() const noexcept { return *text_->at_ != '\0' ? *text_->at_ : '\1'; }
        iterator& operator++() noexcept {
            text_->advance();
            return *this;
        }
        friend bool operator==(const iterator& a, const iterator& b) noexcept { return a.done() == b.done(); }

    private:
        [[nodiscard]] bool done() const noexcept { return text_ == nullptr || text_->refused_ || text_->at_ == text_->end_; }
        json_text* text_ = nullptr;
    };

    [[nodiscard]] iterator begin() noexcept { return iterator(this); }
    [[nodiscard]] static iterator end() noexcept { return {}; }

private:
    static constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
    static constexpr bool is_structure(char c) noexcept {
        return c == '{' || c == '}' || c == '[' || c == ']' || c == ',' || c == ':';
    }

    void advance() noexcept {
        const char c = *at_++;
        if (in_string_) {
            const bool closes = c == '"' && !escaped_;
            escaped_ = c == '\\' && !escaped_;
            if (closes) {
                string_ = std::string_view(token_, static_cast<std::size_t>(at_ - 1 - token_));
                in_string_ = false;
            }
        } else if (c == '"') {
            in_string_ = true;
            token_ = at_;
        } else if (is_space(c)) {
            while (at_ != end_ && is_space(*at_)) ++at_;
            token_ = at_;
        } else if (is_structure(c)) {
            token_ = at_;
        }
        const auto length = static_cast<std::size_t>(at_ - token_);
        longest_ = std::max(longest_, length);
        refused_ = length > longest_allowed_;
    }

    const char* begin_;
    const char* at_;
    const char* end_;
    const char* token_; // where the token at hand began
    std::string_view string_;
    std::size_t longest_allowed_;
    std::size_t longest_ = 0;
    bool in_string_ = false;
    bool escaped_ = false;
    bool refused_ = false;
};

} // namespace lowbit::inline v0::io::detail
