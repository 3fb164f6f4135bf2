#include "world/table_text.h"

#include <algorithm>
#include <new>

#include "engine/words.h"
#include "world/platform.h"

namespace cowlab {
namespace {
// "4294967295:4294967295" is the longest thing an @name of one character can become.
constexpr std::size_t number_text_max = 21;
bool is_blank(char c) { return c == ' ' || c == '\t'; }
}  // namespace

TableText::TableText(Arena& arena, const DeviceMapper& mapper, std::string_view text)
    : arena_(arena) {
    const auto names = static_cast<std::size_t>(std::count(text.begin(), text.end(), '@'));
    buffer_capacity_ = text.size() + names * number_text_max + 1;
    word_capacity_ = buffer_capacity_ / 2 + 2;
    line_capacity_ = static_cast<std::size_t>(std::count(text.begin(), text.end(), ';')) + 1;
    buffer_ = static_cast<char*>(arena.allocate(buffer_capacity_));
    words_ =
        static_cast<std::string_view*>(arena.allocate(word_capacity_ * sizeof(std::string_view)));
    lines_ = static_cast<TableLine*>(arena.allocate(line_capacity_ * sizeof(TableLine)));
    CHECK(buffer_ != nullptr && words_ != nullptr && lines_ != nullptr,
          "a world's arena has room for a table");
    replace_names(mapper, text);
    split();
}

TableText::~TableText() {
    arena_.free(buffer_, buffer_capacity_);
    arena_.free(words_, word_capacity_ * sizeof(std::string_view));
    arena_.free(lines_, line_capacity_ * sizeof(TableLine));
}

void TableText::replace_names(const DeviceMapper& mapper, std::string_view text) {
    TextSink out(buffer_, buffer_capacity_);
    for (std::size_t i = 0; i < text.size();) {
        const bool starts_word = i == 0 || is_blank(text[i - 1]);
        if (text[i] != '@' || !starts_word) {
            const std::size_t next = std::min(text.find('@', i + 1), text.size());
            out << text.substr(i, next - i);
            i = next;
            continue;
        }
        std::size_t end = i + 1;
        while (end < text.size() && !is_blank(text[end]) && text[end] != ';') ++end;
        const std::string_view name = text.substr(i + 1, end - i - 1);
        if (const MappedDevice* d = mapper.find(name); d != nullptr) {
            out << d->number().major << ":" << d->number().minor;
        } else {
            out << text.substr(i, end - i);
        }
        i = end;
    }
    CHECK(!out.truncated(), "the buffer of a table is large enough");
    buffer_size_ = out.view().size();
}

void TableText::split() {
    const std::string_view text(buffer_, buffer_size_);
    std::size_t word = 0;
    std::size_t at = 0;
    while (at <= text.size()) {
        std::size_t end = text.find(';', at);
        if (end == std::string_view::npos) end = text.size();
        const std::size_t first = word;
        for (std::size_t i = at; i < end;) {
            if (is_blank(text[i])) {
                ++i;
                continue;
            }
            std::size_t stop = i;
            while (stop < end && !is_blank(text[stop])) ++stop;
            new (&words_[word++]) std::string_view(text.substr(i, stop - i));
            i = stop;
        }
        if (word - first < 3) return;
        const auto start = words::decimal(words_[first]);
        const auto length = words::decimal(words_[first + 1]);
        if (!start || !length) return;
        new (&lines_[line_count_++])
            TableLine{{*start}, {*length}, words_[first + 2], &words_[first + 3], word - first - 3};
        at = end + 1;
    }
    well_formed_ = true;
}

}  // namespace cowlab
