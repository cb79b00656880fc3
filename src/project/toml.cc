/* SPDX-License-Identifier: MIT */
#include "project/toml.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <string>

/*
 * Some wrong texts ("[[[") fail an assertion of toml++ 3.3, and a wrong file must not end the program:
 * here an assertion refuses the text, in every kind of build. -Wterminate: a few of them stand in
 * functions that may not throw; those can't be reached by a text.
 */
namespace
{
struct assertion {
};
} // namespace
#undef NDEBUG
#define TOML_ASSERT(expr) ((expr) ? void() : throw assertion())
#ifdef __clang__
#pragma clang diagnostic ignored "-Wexceptions"
#else
#pragma GCC diagnostic ignored "-Wterminate"
#endif
#include <toml++/toml.h>

namespace
{

constexpr size_t POINTER_MAX = 255;
constexpr json_int_t COLUMN_BITS = 20;

/* What the walk gives up with; parse errors of toml++ arrive as toml::parse_error. */
struct refusal {
        toml::source_position at;
        const char *reason;
};

struct walk {
        json_t *where;
        std::string pointer;
        int depth;
};

json_t *convert(const toml::node &node, walk &w);

void remember(walk &w, const toml::source_region &source)
{
        if (w.pointer.size() > POINTER_MAX)
                return;
        auto place = static_cast<json_int_t>(source.begin.line) << COLUMN_BITS |
                     (static_cast<json_int_t>(source.begin.column) & ((1 << COLUMN_BITS) - 1));
        json_object_set_new_nocheck(w.where, w.pointer.c_str(), json_integer(place));
}

/* "~" and "/" inside a key are written as RFC 6901 wants them. */
void push(walk &w, std::string_view key)
{
        w.pointer += '/';
        for (char c : key) {
                if (c == '~')
                        w.pointer += "~0";
                else if (c == '/')
                        w.pointer += "~1";
                else
                        w.pointer += c;
        }
}

json_t *convert_table(const toml::table &table, walk &w)
{
        json_t *object = json_object();
        for (auto &&[key, value] : table) {
                if (key.str().find('\0') != std::string_view::npos) {
                        json_decref(object);
                        throw refusal{ key.source().begin, "A key contains a NUL character" };
                }
                size_t before = w.pointer.size();
                push(w, key.str());
                remember(w, key.source());
                try {
                        json_object_set_new_nocheck(
                                object, std::string(key.str()).c_str(), convert(value, w));
                } catch (...) {
                        json_decref(object);
                        throw;
                }
                w.pointer.resize(before);
        }
        return object;
}

json_t *convert_array(const toml::array &array, walk &w)
{
        json_t *list = json_array();
        size_t i = 0;
        for (auto &&value : array) {
                size_t before = w.pointer.size();
                push(w, std::to_string(i++));
                remember(w, value.source());
                try {
                        json_array_append_new(list, convert(value, w));
                } catch (...) {
                        json_decref(list);
                        throw;
                }
                w.pointer.resize(before);
        }
        return list;
}

/* Dates and times: the program shows them and never computes with them. */
template <typename T> json_t *as_text(const T &value)
{
        std::ostringstream out;
        out << value;
        return json_string(out.str().c_str());
}

json_t *convert_value(const toml::node &node)
{
        if (auto s = node.as_string())
                return json_stringn_nocheck(s->get().data(), s->get().size());
        if (auto i = node.as_integer())
                return json_integer(i->get());
        if (auto f = node.as_floating_point())
                return std::isfinite(f->get()) ? json_real(f->get()) : json_null();
        if (auto b = node.as_boolean())
                return json_boolean(b->get());
        if (auto d = node.as_date())
                return as_text(d->get());
        if (auto t = node.as_time())
                return as_text(t->get());
        if (auto dt = node.as_date_time())
                return as_text(dt->get());
        return json_null();
}

json_t *convert(const toml::node &node, walk &w)
{
        if (!node.is_table() && !node.is_array())
                return convert_value(node);
        if (w.depth == TOML_DEPTH_MAX)
                throw refusal{ node.source().begin, "Tables and arrays are nested too deeply" };
        w.depth++;
        json_t *j = node.is_table() ? convert_table(*node.as_table(), w)
                                    : convert_array(*node.as_array(), w);
        w.depth--;
        return j;
}

/* The index after the string that begins at text[i] with a quotation mark. */
size_t after_string(std::string_view text, size_t i)
{
        char quote = text[i];
        bool escapes = quote == '"';
        bool multiline = text.substr(i, 3) == std::string(3, quote);
        for (i += multiline ? 3 : 1; i < text.size(); i++) {
                if (escapes && text[i] == '\\')
                        i++;
                else if (multiline && text.substr(i, 3) == std::string(3, quote))
                        return i + 3;
                else if (!multiline && (text[i] == quote || text[i] == '\n'))
                        return i + 1;
        }
        return text.size();
}

/*
 * toml++ bounds the nesting of values but not of dotted keys, and frees a document by recursion: a
 * line of "a.a.a…" would end the program on its stack. Outside of strings and comments a dot stands
 * in a key or a number, and a comma ends both, so that counting dots finds such a key before it is
 * parsed. Returns its line, 0 if there is none.
 */
unsigned line_with_endless_key(std::string_view text)
{
        unsigned dots = 0;
        for (size_t i = 0; i < text.size();) {
                char c = text[i];
                if (c == '"' || c == '\'') {
                        i = after_string(text, i);
                        continue;
                }
                if (c == '#')
                        i = std::min(text.find('\n', i), text.size());
                else
                        i++;
                if (c == '\n' || c == ',')
                        dots = 0;
                else if (c == '.' && ++dots > TOML_DEPTH_MAX)
                        return static_cast<unsigned>(
                                1 + std::count(text.begin(), text.begin() + static_cast<long>(i),
                                            '\n'));
        }
        return 0;
}

bool asserts(std::string_view text)
{
        try {
                (void)toml::parse(text);
        } catch (const assertion &) {
                return true;
        } catch (...) {
        }
        return false;
}

/* The line whose text fails an assertion: the shortest beginning of the text that does ends with it. */
unsigned line_that_asserts(std::string_view text)
{
        size_t good = 0, bad = static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
        while (bad - good > 1) {
                size_t middle = (good + bad) / 2, end = 0;
                for (size_t line = 0; line < middle; line++)
                        end = std::min(text.find('\n', end), text.size() - 1) + 1;
                (asserts(text.substr(0, end)) ? bad : good) = middle;
        }
        return static_cast<unsigned>(bad);
}

int fail(struct toml_failure *f, unsigned line, unsigned column, std::string_view reason)
{
        f->line = line;
        f->column = column;
        std::snprintf(f->reason, sizeof f->reason, "%.*s", static_cast<int>(reason.size()),
                reason.data());
        return -1;
}

} // namespace

extern "C" int toml_parse(const char *text, size_t n, json_t **ret_tree, json_t **ret_where,
        struct toml_failure *ret_failure)
{
        if (n > TOML_TEXT_MAX)
                return fail(ret_failure, 0, 0, "The file is larger than 256 KiB");
        if (unsigned line = line_with_endless_key({ text, n }))
                return fail(ret_failure, line, 1, "A key has too many parts");
        walk w{ json_object(), {}, 0 };
        try {
                toml::table document = toml::parse(std::string_view(text, n));
                json_t *tree = convert(document, w);
                *ret_tree = tree;
                *ret_where = w.where;
                return 0;
        } catch (const toml::parse_error &x) {
                json_decref(w.where);
                return fail(ret_failure, x.source().begin.line, x.source().begin.column,
                        x.description());
        } catch (const refusal &x) {
                json_decref(w.where);
                return fail(ret_failure, x.at.line, x.at.column, x.reason);
        } catch (const assertion &) {
                json_decref(w.where);
                return fail(ret_failure, line_that_asserts({ text, n }), 1, "This is not TOML");
        } catch (const std::exception &x) {
                json_decref(w.where);
                return fail(ret_failure, 0, 0, x.what());
        }
}

extern "C" void toml_place(
        const json_t *where, const char *pointer, unsigned *ret_line, unsigned *ret_column)
{
        json_int_t place = json_integer_value(json_object_get(where, pointer));
        *ret_line = static_cast<unsigned>(place >> COLUMN_BITS);
        *ret_column = static_cast<unsigned>(place & ((1 << COLUMN_BITS) - 1));
}
