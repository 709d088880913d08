/* Finds the lines of an order in the bytes of an event, so that they need not be decoded with the rest of it.

   Those lines are checked to be JSON here, as strictly as the decoder does it; the rest is not, it will be decoded. A
   mark takes their place, a text that is nowhere else in the event: whoever decodes the rest sees by the mark whether
   what was cut out stood where an order has its lines. Whatever is unusual (an escape anywhere, a number with an
   exponent or of more than 18 characters, nesting of more than 32) is refused, and the event is then decoded whole.

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
    SHORTEST = 40
};

/* DEL, of which an event that has one is not cut. */
#define MARK "\x7f"
static const char MARKED[] = "\"" MARK "\"";
static const char NAME[] = "\"items\"";

typedef const unsigned char *Place;

/* Characters that end a run of plain ones in a text: controls, the quote, all that is not ASCII. */
static bool special[256];

static Place skip_value(Place at, Place last, int depth);

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

/* Skips to the next special character. */
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

/* Skips a name and its colon; `at` is the quote before it. */
static Place skip_name(Place at, Place last)
{
    if (*at != '"' || (at = skip_text(at + 1, last)) == NULL) {
        return NULL;
    }
    at = skip_blanks(at);
    return *at == ':' ? skip_blanks(at + 1) : NULL;
}

/* Skips what stands in an object or an array, up to its end, of which `closing` is the bracket. */
static Place skip_inside(Place at, Place last, int depth, char closing)
{
    at = skip_blanks(at);
    if (*at == closing) {
        return at + 1;
    }
    for (;;) {
        if (closing == '}' && (at = skip_name(at, last)) == NULL) {
            return NULL;
        }
        if ((at = skip_value(at, last, depth)) == NULL) {
            return NULL;
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

static Place skip_value(Place at, Place last, int depth)
{
    switch (*at) {
    case '"':
        return skip_text(at + 1, last);
    case '{':
        return depth < DEPTH ? skip_inside(at + 1, last, depth + 1, '}') : NULL;
    case '[':
        return depth < DEPTH ? skip_inside(at + 1, last, depth + 1, ']') : NULL;
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

static PyObject *cut_lines(PyObject *Py_UNUSED(module), PyObject *value)
{
    Place text, start, end;
    Py_ssize_t length, head, tail;
    const Py_ssize_t mark = sizeof MARKED - 1;
    PyObject *rest, *lines, *both;
    char *into;

    if (!PyBytes_CheckExact(value)) {
        return PyErr_Format(PyExc_TypeError, "bytes are needed, not %.100s", Py_TYPE(value)->tp_name);
    }
    text = (Place)PyBytes_AS_STRING(value);
    length = PyBytes_GET_SIZE(value);
    start = (Place)strstr((const char *)text, NAME);
    if (start == NULL || memchr(text, '\\', length) != NULL || memchr(text, MARK[0], length) != NULL ||
        *(start = skip_blanks(start + sizeof NAME - 1)) != ':' || *(start = skip_blanks(start + 1)) != '[' ||
        (end = skip_value(start, text + length, 0)) == NULL || end - start < SHORTEST) {
        Py_RETURN_NONE;
    }
    head = start - text;
    tail = length - (end - text);
    if ((rest = PyBytes_FromStringAndSize(NULL, head + mark + tail)) == NULL) {
        return NULL;
    }
    into = PyBytes_AS_STRING(rest);
    memcpy(into, text, head);
    memcpy(into + head, MARKED, mark);
    memcpy(into + head + mark, end, tail);
    lines = PyBytes_FromStringAndSize((const char *)start, end - start);
    both = lines == NULL ? NULL : PyTuple_Pack(2, rest, lines);
    Py_DECREF(rest);
    Py_XDECREF(lines);
    return both;
}

static PyMethodDef methods[] = {
    {"cut_lines", cut_lines, METH_O,
     "Return an event with a mark for its first `items`, and those; None where it has to be decoded whole."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_cut", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__cut(void)
{
    for (int byte = 0; byte < 256; byte++) {
        special[byte] = byte < 0x20 || byte == '"' || byte >= 0x80;
    }
    PyObject *made = PyModule_Create(&module);
    if (made != NULL && PyModule_AddStringConstant(made, "MARK", MARK) < 0) {
        Py_CLEAR(made);
    }
    return made;
}
