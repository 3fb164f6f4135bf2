// Messages between processes of one program: numbers and texts in a row.
//
// The other side may be a process whose memory a bug has overwritten, so a reader never trusts a
// length: what is short or too long reads as zero, and ok() says so.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace cowlab {

class PacketWriter {
  public:
    void number(std::uint64_t v) { bytes_.append(reinterpret_cast<const char*>(&v), sizeof v); }
    void text(std::string_view t) {
        number(t.size());
        bytes_.append(t);
    }
    const std::string& bytes() const { return bytes_; }

  private:
    std::string bytes_;
};

class PacketReader {
  public:
    explicit PacketReader(std::string_view bytes) : rest_(bytes) {}
    std::uint64_t number() {
        std::uint64_t v = 0;
        if (rest_.size() < sizeof v) {
            ok_ = false;
            rest_ = {};
            return 0;
        }
        std::memcpy(&v, rest_.data(), sizeof v);
        rest_.remove_prefix(sizeof v);
        return v;
    }
    std::string text() {
        const std::uint64_t size = number();
        if (size > rest_.size()) {
            ok_ = false;
            rest_ = {};
            return {};
        }
        std::string t(rest_.substr(0, size));
        rest_.remove_prefix(size);
        return t;
    }
    // A number of things that follow, each of at least 8 bytes.
    std::uint64_t count() {
        const std::uint64_t n = number();
        if (n > rest_.size() / 8) ok_ = false;
        return ok_ ? n : 0;
    }
    bool ok() const { return ok_; }

  private:
    std::string_view rest_;
    bool ok_ = true;
};

}  // namespace cowlab
