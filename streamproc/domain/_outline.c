/* Reads an event only as far as it is asked for: the texts that every event has, its customer and the lines of its order
   as they stand in its bytes, and the rest of its data decoded. What else stands beside the data is skipped.

   All of it is checked to be JSON here, as strictly as the decoder does it. Whatever is unusual (an escape anywhere, a
   name that comes twice where it matters, a number with an exponent or of more than 18 characters, nesting of more than
   32) is refused, and the event is then decoded whole: only the decoder says what is wrong with an event. Only a
   customer in known words is not looked at again. Its words are its bytes without the values of upstream's own sums,
   which nobody here reads and nearly every event changes.

   A bytes object ends with a NUL, which ends or refuses whatever is read here: nothing reads beyond it. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    DEPTH = 32,
    NUMBER = 18,
    /* Shorter ones are decoded in less time than it takes to put them back. */
    SHORTEST_LINES = 40,
    /* As many members as fit into a dictionary of the second size; data and orders have about so many. */
    MEMBERS = 10,
    /* Names and types that are kept; longer ones are made each time. */
    NAME_BITS = 12,
    LONGEST_NAME = 56,
    /* There are so many names of sums; a customer with more of them tells one twice. */
    SUMS = 3,
    /* What words have in the place of a sum: no JSON holds this byte. */
    CUT = 1
};

typedef const unsigned char *Place;

/* What is found in the bytes of an event; without a start it has not come yet. */
typedef struct {
    Place start, end;
} Piece;

typedef struct {
    Place last;
    const char *known; /* the words in which the customer may be told once more, NULL where there are none */
    Py_ssize_t known_length;
    Piece id, type, created_at, customer, customer_id, lines, sums[SUMS];
    int sums_found;
    bool has_order;
    PyObject *data;
} Reader;

/* What an object is to an event: the members that matter differ. */
typedef enum { EVENT, DATA, CUSTOMER, ORDER, ANYTHING } Role;

/* Characters that end a run of plain ones in a text: controls, the quote, all that is not ASCII. */
static bool special[256];

static Place skip_value(Place at, Place last, int depth);
static Place read_value(Reader *reader, Place at, int depth, Role role, PyObject **value);

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
        __m128i others = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)), quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
        int mask = _mm_movemask_epi8(_mm_or_si128(others, quotes));
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

/* Skips the name of a member and its colon, up to the value; `name_end` is where the name's closing quote stands. */
static inline Place skip_name(Place at, Place last, Place *name_end)
{
    if (*at != '"' || (at = skip_text(at + 1, last)) == NULL) {
        return NULL;
    }
    *name_end = at - 1;
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
        Place name_end;
        if (closing == '}' && (at = skip_name(at, last, &name_end)) == NULL) {
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

/* The functions that read return the place behind what was read; NULL where it is refused, or with an exception. */

static bool is_ascii(Place at, Place end)
{
    uint64_t eight, found = 0;
    for (; end - at >= 8; at += 8) {
        memcpy(&eight, at, 8);
        found |= eight;
    }
    for (; at < end; at++) {
        found |= *at;
    }
    return (found & 0x8080808080808080u) == 0;
}

static PyObject *make_text(Place start, Place end)
{
    Py_ssize_t length = end - start;
    if (length == 0 || !is_ascii(start, end)) {
        return PyUnicode_DecodeUTF8((const char *)start, length, NULL);
    }
    PyObject *text = PyUnicode_New(length, 0x7F);
    if (text != NULL) {
        memcpy(PyUnicode_1BYTE_DATA(text), start, (size_t)length);
    }
    return text;
}

/* A name's ends: its first and its last eight bytes, all of it where it has no more than sixteen. */
typedef struct {
    uint64_t first, last;
} Ends;

typedef struct {
    PyObject *name;
    size_t length;
    Ends ends;
    unsigned char bytes[LONGEST_NAME];
} Name;

static inline Ends ends_of(Place start, size_t length)
{
    uint32_t front, back;
    Ends ends = {0, 0};
    if (length >= 8) {
        memcpy(&ends.first, start, 8);
        memcpy(&ends.last, start + length - 8, 8);
    } else if (length >= 4) {
        memcpy(&front, start, 4);
        memcpy(&back, start + length - 4, 4);
        ends.first = front | (uint64_t)back << 32;
    } else if (length > 0) {
        ends.first = start[0] | (uint64_t)start[length / 2] << 8 | (uint64_t)start[length - 1] << 16;
    }
    return ends;
}

/* Makes the name of a member or a type, or finds the one that was made of the same bytes before: few come, and often. */
static PyObject *make_name(Place start, Place end)
{
    static Name names[1 << NAME_BITS];
    size_t length = (size_t)(end - start);
    if (length > LONGEST_NAME) {
        return make_text(start, end);
    }
    Ends ends = ends_of(start, length);
    Name *kept = &names[((ends.first ^ ends.last * 31 ^ length) * 0x9E3779B97F4A7C15u) >> (64 - NAME_BITS)];
    if (kept->name == NULL || kept->length != length || kept->ends.first != ends.first ||
        kept->ends.last != ends.last || (length > 16 && memcmp(kept->bytes, start, length) != 0)) {
        PyObject *name = make_text(start, end);
        if (name == NULL) {
            return NULL;
        }
        /* Those that the program names as well are the very same object then, and compared by that. */
        PyUnicode_InternInPlace(&name);
        Py_XSETREF(kept->name, name);
        kept->length = length;
        kept->ends = ends;
        memcpy(kept->bytes, start, length);
    }
    return Py_NewRef(kept->name);
}

static Place read_number(Place at, PyObject **value)
{
    Place end = skip_number(at);
    if (end == NULL) {
        return NULL;
    }
    if (memchr(at, '.', (size_t)(end - at)) != NULL) {
        char *behind;
        double number = PyOS_string_to_double((const char *)at, &behind, NULL);
        *value = number == -1.0 && PyErr_Occurred() ? NULL : PyFloat_FromDouble(number);
        return *value == NULL ? NULL : end;
    }
    bool is_negative = *at == '-';
    long long number = 0;
    for (Place digit = at + is_negative; digit < end; digit++) {
        number = 10 * number + (*digit - '0');
    }
    *value = PyLong_FromLongLong(is_negative ? -number : number);
    return *value == NULL ? NULL : end;
}

static Place read_array(Reader *reader, Place at, int depth, PyObject **value)
{
    PyObject *array = PyList_New(0);
    if (array == NULL) {
        return NULL;
    }
    at = skip_blanks(at);
    if (*at == ']') {
        *value = array;
        return at + 1;
    }
    for (;;) {
        PyObject *item;
        if ((at = read_value(reader, at, depth, ANYTHING, &item)) == NULL) {
            break;
        }
        int failed = PyList_Append(array, item);
        Py_DECREF(item);
        if (failed) {
            break;
        }
        at = skip_blanks(at);
        if (*at == ']') {
            *value = array;
            return at + 1;
        }
        if (*at != ',') {
            break;
        }
        at = skip_blanks(at + 1);
    }
    Py_DECREF(array);
    return NULL;
}

/* With the length of what is written there, a comparison is an instruction or two. */
#define IS_NAME(start, end, name) \
    ((size_t)((end) - (start)) == sizeof name - 1 && memcmp((start), "" name, sizeof name - 1) == 0)

/* Notes where the value of a member stands; of two equal names the last one would count, so that is refused. */
static Place note(Piece *piece, Place at, Place last, int depth)
{
    if (piece->start != NULL) {
        return NULL;
    }
    piece->start = at;
    return piece->end = skip_value(at, last, depth);
}

static Place note_sum(Reader *reader, Place at, int depth)
{
    if (reader->sums_found == SUMS) {
        return NULL;
    }
    Piece *sum = &reader->sums[reader->sums_found++];
    sum->start = at;
    return sum->end = skip_value(at, reader->last, depth);
}

static Place read_members(Reader *reader, Place at, int depth, Role role, PyObject *object);

/* Skips a customer in the known words, of which only the sums are looked at; NULL where the words are others. */
static Place skip_known(Reader *reader, Place at, int depth)
{
    const char *known = reader->known, *last = known + reader->known_length;
    for (;;) {
        const char *cut = memchr(known, CUT, (size_t)(last - known));
        Py_ssize_t length = (cut == NULL ? last : cut) - known;
        if (reader->last - at < length || memcmp(at, known, (size_t)length) != 0) {
            return NULL;
        }
        at += length;
        if (cut == NULL) {
            return at;
        }
        if ((at = note_sum(reader, at, depth)) == NULL) {
            return NULL;
        }
        known = cut + 1;
    }
}

/* Skips the customer, and notes where it stands; one in the known words was looked at with the event before. */
static Place read_customer(Reader *reader, Place at, int depth)
{
    if (reader->customer.start != NULL) {
        return NULL;
    }
    reader->customer.start = at;
    if (reader->known != NULL && (reader->customer.end = skip_known(reader, at, depth + 1)) != NULL) {
        return reader->customer.end;
    }
    reader->known = NULL;
    reader->sums_found = 0;
    if (*at != '{' || depth >= DEPTH) {
        return NULL;
    }
    return reader->customer.end = read_members(reader, at + 1, depth + 1, CUSTOMER, NULL);
}

/* Reads a value that is not decoded at once: it is None where it is worth it. */
static Place read_lines(Reader *reader, Place at, int depth, PyObject **value)
{
    Place end = note(&reader->lines, at, reader->last, depth);
    if (end == NULL || end - at < SHORTEST_LINES) {
        return end == NULL ? NULL : read_value(reader, at, depth, ANYTHING, value);
    }
    *value = Py_NewRef(Py_None);
    return end;
}

/* Reads the value of a member; what is only skipped has none. */
static Place read_member(Reader *reader, Place name, Place name_end, Place at, int depth, Role role, PyObject **value)
{
    switch (role) {
    case EVENT:
        if (IS_NAME(name, name_end, "id")) {
            return note(&reader->id, at, reader->last, depth);
        }
        if (IS_NAME(name, name_end, "type")) {
            return note(&reader->type, at, reader->last, depth);
        }
        if (IS_NAME(name, name_end, "created_at")) {
            return note(&reader->created_at, at, reader->last, depth);
        }
        if (IS_NAME(name, name_end, "data")) {
            return reader->data != NULL ? NULL : read_value(reader, at, depth, DATA, &reader->data);
        }
        return skip_value(at, reader->last, depth);
    case CUSTOMER:
        if (IS_NAME(name, name_end, "id")) {
            return note(&reader->customer_id, at, reader->last, depth);
        }
        if (IS_NAME(name, name_end, "summary") || IS_NAME(name, name_end, "loyalty") ||
            IS_NAME(name, name_end, "referrals")) {
            return note_sum(reader, at, depth);
        }
        return skip_value(at, reader->last, depth);
    case DATA:
        if (IS_NAME(name, name_end, "customer")) {
            *value = Py_NewRef(Py_None);
            return read_customer(reader, at, depth);
        }
        if (IS_NAME(name, name_end, "order")) {
            return reader->has_order ? NULL : (reader->has_order = true, read_value(reader, at, depth, ORDER, value));
        }
        break;
    case ORDER:
        if (IS_NAME(name, name_end, "items")) {
            return read_lines(reader, at, depth, value);
        }
        break;
    case ANYTHING:
        break;
    }
    return read_value(reader, at, depth, ANYTHING, value);
}

static bool put_member(PyObject *object, Place name, Place name_end, PyObject *value)
{
    PyObject *key = make_name(name, name_end);
    bool is_put = key != NULL && PyDict_SetItem(object, key, value) == 0;
    Py_XDECREF(key);
    return is_put;
}

/* Reads the members of an object, up to behind its bracket, and puts those that are decoded into a dictionary. */
static Place read_members(Reader *reader, Place at, int depth, Role role, PyObject *object)
{
    at = skip_blanks(at);
    if (*at == '}') {
        return at + 1;
    }
    for (;;) {
        Place name = at + 1, name_end;
        PyObject *value = NULL;
        if ((at = skip_name(at, reader->last, &name_end)) != NULL) {
            at = read_member(reader, name, name_end, at, depth, role, &value);
        }
        if (at != NULL && value != NULL && !put_member(object, name, name_end, value)) {
            at = NULL;
        }
        Py_XDECREF(value);
        if (at == NULL) {
            return NULL;
        }
        at = skip_blanks(at);
        if (*at == '}') {
            return at + 1;
        }
        if (*at != ',') {
            return NULL;
        }
        at = skip_blanks(at + 1);
    }
}

static Place read_object(Reader *reader, Place at, int depth, Role role, PyObject **value)
{
    PyObject *object = role == ANYTHING ? PyDict_New() : _PyDict_NewPresized(MEMBERS);
    if (object == NULL || (at = read_members(reader, at, depth, role, object)) == NULL) {
        Py_XDECREF(object);
        return NULL;
    }
    *value = object;
    return at;
}

/* Decodes a value. Where it is refused, or fails with an exception, `value` stays as it was. */
static Place read_value(Reader *reader, Place at, int depth, Role role, PyObject **value)
{
    Place end;
    PyObject *made;
    switch (*at) {
    case '"':
        end = skip_text(at + 1, reader->last);
        made = end == NULL ? NULL : make_text(at + 1, end - 1);
        break;
    case '{':
        return depth < DEPTH ? read_object(reader, at + 1, depth + 1, role, value) : NULL;
    case '[':
        return depth < DEPTH ? read_array(reader, at + 1, depth + 1, value) : NULL;
    case 't':
        end = skip_word(at, "true");
        made = end == NULL ? NULL : Py_NewRef(Py_True);
        break;
    case 'f':
        end = skip_word(at, "false");
        made = end == NULL ? NULL : Py_NewRef(Py_False);
        break;
    case 'n':
        end = skip_word(at, "null");
        made = end == NULL ? NULL : Py_NewRef(Py_None);
        break;
    default:
        return read_number(at, value);
    }
    if (made == NULL) {
        return NULL;
    }
    *value = made;
    return end;
}

static bool is_text(const Piece *piece)
{
    return piece->start != NULL && *piece->start == '"';
}

static PyObject *text_of(const Piece *piece)
{
    return make_text(piece->start + 1, piece->end - 1);
}

static PyObject *bytes_of(const Piece *piece)
{
    return PyBytes_FromStringAndSize((const char *)piece->start, piece->end - piece->start);
}

/* Makes the words in which the customer is told, where they are not its bytes: with a byte in place of each sum. */
static PyObject *words_of(const Reader *reader)
{
    Py_ssize_t length = reader->customer.end - reader->customer.start;
    for (int place = 0; place < reader->sums_found; place++) {
        length -= reader->sums[place].end - reader->sums[place].start - 1;
    }
    PyObject *words = PyBytes_FromStringAndSize(NULL, length);
    if (words == NULL) {
        return NULL;
    }
    char *to = PyBytes_AS_STRING(words);
    Place from = reader->customer.start;
    for (int place = 0; place < reader->sums_found; place++) {
        const Piece *sum = &reader->sums[place];
        to = (char *)memcpy(to, from, (size_t)(sum->start - from)) + (sum->start - from);
        *to++ = CUT;
        from = sum->end;
    }
    memcpy(to, from, (size_t)(reader->customer.end - from));
    return words;
}

/* Puts parts into a tuple. Each is missing only for want of memory; then there is none, and the others are let go of. */
static PyObject *tuple_of(PyObject **parts, Py_ssize_t count)
{
    PyObject *tuple = PyTuple_New(count);
    bool is_whole = tuple != NULL;
    for (Py_ssize_t place = 0; place < count; place++) {
        is_whole = is_whole && parts[place] != NULL;
        if (tuple != NULL) {
            PyTuple_SET_ITEM(tuple, place, parts[place]);
        } else {
            Py_XDECREF(parts[place]);
        }
    }
    if (!is_whole) {
        Py_CLEAR(tuple);
    }
    return tuple;
}

/* Tells whether an event was read to its end, and has what every event has. Where there is a customer, there is data. */
static bool is_whole(const Reader *reader, Place end)
{
    return end != NULL && skip_blanks(end) == reader->last && is_text(&reader->id) && is_text(&reader->type) &&
           is_text(&reader->created_at) && reader->customer.start != NULL &&
           (reader->known != NULL || is_text(&reader->customer_id));
}

static PyObject *read_outline(PyObject *Py_UNUSED(module), PyObject *const *given, Py_ssize_t count)
{
    if (count != 2 || !PyBytes_CheckExact(given[0]) || !(given[1] == Py_None || PyBytes_CheckExact(given[1]))) {
        PyErr_SetString(PyExc_TypeError, "the bytes of an event are needed, and bytes or None");
        return NULL;
    }
    PyObject *value = given[0], *known = given[1];
    Place text = (Place)PyBytes_AS_STRING(value);
    Reader reader = {.last = text + PyBytes_GET_SIZE(value)};
    if (known != Py_None && PyBytes_GET_SIZE(known) > 0) {
        reader.known = PyBytes_AS_STRING(known);
        reader.known_length = PyBytes_GET_SIZE(known);
    }
    if (memchr(text, '\\', (size_t)PyBytes_GET_SIZE(value)) != NULL) {
        Py_RETURN_NONE;
    }
    Place end = skip_blanks(text);
    end = *end == '{' ? read_members(&reader, end + 1, 1, EVENT, NULL) : NULL;
    if (!is_whole(&reader, end)) {
        Py_XDECREF(reader.data);
        if (PyErr_Occurred()) {
            return NULL;
        }
        Py_RETURN_NONE;
    }
    bool has_lines = reader.lines.start != NULL && reader.lines.end - reader.lines.start >= SHORTEST_LINES;
    bool is_known = reader.known != NULL, has_sums = reader.sums_found > 0;
    PyObject *customer = is_known && !has_sums ? Py_NewRef(known) : bytes_of(&reader.customer);
    PyObject *parts[] = {
        text_of(&reader.id),
        make_name(reader.type.start + 1, reader.type.end - 1),
        text_of(&reader.created_at),
        is_known ? Py_NewRef(Py_None) : text_of(&reader.customer_id),
        reader.data,
        customer,
        is_known ? Py_NewRef(known) : has_sums ? words_of(&reader) : Py_XNewRef(customer),
        has_lines ? bytes_of(&reader.lines) : Py_NewRef(Py_None),
    };
    return tuple_of(parts, sizeof parts / sizeof *parts);
}

static PyMethodDef methods[] = {
    {"read_outline", (PyCFunction)(void (*)(void))read_outline, METH_FASTCALL,
     "Return what `streamproc.domain.outline.Outline` tells of an event; None where it has to be decoded whole."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_outline", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__outline(void)
{
    for (int byte = 0; byte < 256; byte++) {
        special[byte] = byte < 0x20 || byte == '"' || byte >= 0x80;
    }
    return PyModule_Create(&module);
}
