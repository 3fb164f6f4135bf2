// Text in memory the caller owns: what the engine uses to write a status line without a heap.
//
// Appending past the capacity cuts the text and sets truncated(); nothing is ever written outside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace cowlab {

class TextSink {
  public:
    TextSink(char* data, std::size_t capacity) : data_(data), capacity_(capacity) {}

    TextSink& operator<<(std::string_view s) {
        const std::size_t room = capacity_ - size_;
        const std::size_t n = s.size() < room ? s.size() : room;
        truncated_ = truncated_ || n < s.size();
        std::memcpy(data_ + size_, s.data(), n);
        size_ += n;
        return *this;
    }
    TextSink& operator<<(const char* s) { return *this << std::string_view(s); }
    TextSink& operator<<(char c) { return *this << std::string_view(&c, 1); }
    TextSink& operator<<(std::uint64_t v) {
        char digits[20];
        std::size_t n = sizeof digits;
        do {
            digits[--n] = static_cast<char>('0' + v % 10);
            v /= 10;
        } while (v != 0);
        return *this << std::string_view(digits + n, sizeof digits - n);
    }
    TextSink& operator<<(std::uint32_t v) { return *this << std::uint64_t{v}; }
    TextSink& operator<<(int v) {
        if (v < 0) *this << '-';
        return *this << static_cast<std::uint64_t>(v < 0 ? -std::int64_t{v} : std::int64_t{v});
    }

    std::string_view view() const { return {data_, size_}; }
    bool truncated() const { return truncated_; }
    void clear() { size_ = 0; }
    void trim_blanks() {
        while (size_ > 0 && data_[size_ - 1] == ' ') --size_;
    }

  private:
    char* data_;
    std::size_t capacity_;
    std::size_t size_ = 0;
    bool truncated_ = false;
};

template <std::size_t Capacity>
class Text : public TextSink {
  public:
    Text() : TextSink(storage_, Capacity) {}
    Text(const Text&) = delete;
    Text& operator=(const Text&) = delete;

  private:
    char storage_[Capacity];
};

}  // namespace cowlab
