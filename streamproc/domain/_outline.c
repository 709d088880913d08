/* Reads an event only as far as it is asked for: the texts that every event has, its customer and the lines of its order
   as they stand in its bytes, and the rest of its data without those two. What else stands beside the data is skipped.

   All of it is checked to be JSON here, as strictly as the decoder does it. Whatever is unusual (an escape anywhere, a
   name that comes twice where it matters, a number with an exponent or of more than 18 characters, nesting of more than
   32) is refused, and the event is then decoded whole: only the decoder says what is wrong with an event.

   A bytes object ends with a NUL, which ends or refuses whatever is read here: nothing reads beyond it. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    DEPTH = 32,
    NUMBER = 18,
    /* Shorter ones are decoded in less time than it takes to put them back. */
    SHORTEST_LINES = 40
};

typedef const unsigned char *Place;

/* A member that is looked for: where its value stands, and what is looked for in that where it is an object. */
typedef struct Member {
    const char *name;
    size_t length;
    Place start, end;
    struct Member *inside;
    int count;
} Member;

#define MEMBER(name, inside, count) {name, sizeof name - 1, NULL, NULL, inside, count}

/* Characters that end a run of plain ones in a text: controls, the quote, all that is not ASCII. */
static bool special[256];

static Place skip_value(Place at, Place last, int depth, Member *wanted, int count);

static Place skip_blanks(Place at)
{
    while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t') {
        at++;
    }
    return at;
}

static bool continues(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

/* Skips one character of two to four bytes; NULL where it is not UTF-8 (overlong, a surrogate, beyond U+10FFFF). */
static Place skip_long_character(Place at)
{
    unsigned char first = at[0], second;
    if (first < 0xC2 || first > 0xF4 || !continues(second = at[1])) {
        return NULL;
    }
    if (first < 0xE0) {
        return at + 2;
    }
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) || (first == 0xF0 && second < 0x90) ||
        (first == 0xF4 && second > 0x8F) || !continues(at[2])) {
        return NULL;
    }
    if (first < 0xF0) {
        return at + 3;
    }
    return continues(at[3]) ? at + 4 : NULL;
}

/* Skips to the next special character, and never looks beyond the last byte: no test would notice. */
static Place skip_plain(Place at, Place last)
{
#ifdef __SSE2__
    while (last - at >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        /* As signed numbers, those that are not ASCII are less than a blank too. Any backslash has been looked for. */
        __m128i found = _mm_or_si128(_mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
        int mask = _mm_movemask_epi8(found);
        if (mask != 0) {
            return at + __builtin_ctz(mask);
        }
        at += 16;
    }
#else
    (void)last;
#endif
    while (!special[*at]) {
        at++;
    }
    return at;
}

/* Skips the rest of a text, of which `at` is the first character. */
static Place skip_text(Place at, Place last)
{
    for (;;) {
        at = skip_plain(at, last);
        if (*at == '"') {
            return at + 1;
        }
        if (*at < 0x80 || (at = skip_long_character(at)) == NULL) {
            return NULL;
        }
    }
}

static bool is_digit(unsigned char byte)
{
    return byte >= '0' && byte <= '9';
}

static Place skip_number(Place at)
{
    Place start = at;
    if (*at == '-') {
        at++;
    }
    if (!is_digit(*at)) {
        return NULL;
    }
    if (*at == '0') {
        at++;
    } else {
        while (is_digit(*at)) {
            at++;
        }
    }
    if (*at == '.') {
        at++;
        if (!is_digit(*at)) {
            return NULL;
        }
        while (is_digit(*at)) {
            at++;
        }
    }
    /* Before an exponent it ends as well, where nothing that may follow a value comes. */
    return at - start > NUMBER ? NULL : at;
}

static Place skip_word(Place at, const char *word)
{
    size_t length = strlen(word);
    return strncmp((const char *)at, word, length) == 0 ? at + length : NULL;
}

static Member *find(Member *wanted, int count, Place name, size_t length)
{
    for (Member *one = wanted; one < wanted + count; one++) {
        if (one->length == length && memcmp(one->name, name, length) == 0) {
            return one;
        }
    }
    return NULL;
}

/* Skips what stands in an object or an array, up to its end, of which `closing` is the bracket, and notes the members
   that are wanted of an object. */
static Place skip_inside(Place at, Place last, int depth, char closing, Member *wanted, int count)
{
    at = skip_blanks(at);
    if (*at == closing) {
        return at + 1;
    }
    for (;;) {
        Member *member = NULL;
        if (closing == '}') {
            Place name = at + 1;
            if (*at != '"' || (at = skip_text(name, last)) == NULL) {
                return NULL;
            }
            member = find(wanted, count, name, (size_t)(at - 1 - name));
            at = skip_blanks(at);
            if (*at != ':' || (member != NULL && member->start != NULL)) {
                return NULL; /* of two equal names the last one would count */
            }
            at = skip_blanks(at + 1);
        }
        Place value = at;
        at = member == NULL ? skip_value(at, last, depth, NULL, 0)
                            : skip_value(at, last, depth, member->inside, member->count);
        if (at == NULL) {
            return NULL;
        }
        if (member != NULL) {
            member->start = value;
            member->end = at;
        }
        at = skip_blanks(at);
        if (*at == closing) {
            return at + 1;
        }
        if (*at != ',') {
            return NULL;
        }
        at = skip_blanks(at + 1);
    }
}

/* Skips a value, and notes the members that are wanted of it where it is an object. */
static Place skip_value(Place at, Place last, int depth, Member *wanted, int count)
{
    switch (*at) {
    case '"':
        return skip_text(at + 1, last);
    case '{':
        return depth < DEPTH ? skip_inside(at + 1, last, depth + 1, '}', wanted, count) : NULL;
    case '[':
        return depth < DEPTH ? skip_inside(at + 1, last, depth + 1, ']', NULL, 0) : NULL;
    case 't':
        return skip_word(at, "true");
    case 'f':
        return skip_word(at, "false");
    case 'n':
        return skip_word(at, "null");
    default:
        return skip_number(at);
    }
}

static bool is_text(const Member *member)
{
    return member->start != NULL && *member->start == '"';
}

static PyObject *text_of(const Member *member)
{
    return PyUnicode_DecodeUTF8((const char *)member->start + 1, member->end - member->start - 2, NULL);
}

static PyObject *bytes_of(const Member *member)
{
    if (member->start == NULL) {
        Py_RETURN_NONE;
    }
    return PyBytes_FromStringAndSize((const char *)member->start, member->end - member->start);
}

static char *put(char *into, Place start, Place end)
{
    memcpy(into, start, end - start);
    return into + (end - start);
}

/* Returns the bytes of a member with null in the place of two others in it, side by side; the second may be missing. */
static PyObject *without(const Member *whole, const Member *first, const Member *second)
{
    static const char null[] = "null";
    const Py_ssize_t length = sizeof null - 1;
    Py_ssize_t size = whole->end - whole->start;
    const Member *gaps[] = {first, second};
    if (second->start != NULL && second->start < first->start) {
        gaps[0] = second;
        gaps[1] = first;
    }
    for (int place = 0; place < 2; place++) {
        size += gaps[place]->start == NULL ? 0 : length - (gaps[place]->end - gaps[place]->start);
    }
    PyObject *rest = PyBytes_FromStringAndSize(NULL, size);
    if (rest == NULL) {
        return NULL;
    }
    char *into = PyBytes_AS_STRING(rest);
    Place at = whole->start;
    for (int place = 0; place < 2; place++) {
        if (gaps[place]->start != NULL) {
            into = put(into, at, gaps[place]->start);
            memcpy(into, null, length);
            into += length;
            at = gaps[place]->end;
        }
    }
    put(into, at, whole->end);
    return rest;
}

static PyObject *read_outline(PyObject *Py_UNUSED(module), PyObject *value)
{
    if (!PyBytes_CheckExact(value)) {
        return PyErr_Format(PyExc_TypeError, "bytes are needed, not %.100s", Py_TYPE(value)->tp_name);
    }
    Member lines = MEMBER("items", NULL, 0);
    Member customer_id = MEMBER("id", NULL, 0);
    Member inside[] = {MEMBER("customer", &customer_id, 1), MEMBER("order", &lines, 1)};
    Member wanted[] = {MEMBER("id", NULL, 0), MEMBER("type", NULL, 0), MEMBER("created_at", NULL, 0),
                       MEMBER("data", inside, 2)};
    Member *id = &wanted[0], *type = &wanted[1], *created_at = &wanted[2], *data = &wanted[3], *customer = &inside[0];

    Place text = (Place)PyBytes_AS_STRING(value), end;
    Place last = text + PyBytes_GET_SIZE(value);
    if (memchr(text, '\\', (size_t)(last - text)) != NULL) {
        Py_RETURN_NONE;
    }
    end = skip_value(skip_blanks(text), last, 0, wanted, 4);
    if (end == NULL || skip_blanks(end) != last) {
        Py_RETURN_NONE;
    }
    if (!is_text(id) || !is_text(type) || !is_text(created_at) || !is_text(&customer_id)) {
        Py_RETURN_NONE;
    }
    if (lines.start != NULL && lines.end - lines.start < SHORTEST_LINES) {
        lines.start = NULL;
    }
    /* Each fails only for want of memory; then there is no tuple, and the others are let go of. */
    return Py_BuildValue("(NNNNNNN)", text_of(id), text_of(type), text_of(created_at), text_of(&customer_id),
                         without(data, customer, &lines), bytes_of(customer), bytes_of(&lines));
}

static PyMethodDef methods[] = {
    {"read_outline", read_outline, METH_O,
     "Return what `streamproc.domain.outline.Outline` tells of an event; None where it has to be decoded whole."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_outline", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__outline(void)
{
    for (int byte = 0; byte < 256; byte++) {
        special[byte] = byte < 0x20 || byte == '"' || byte >= 0x80;
    }
    return PyModule_Create(&module);
}
