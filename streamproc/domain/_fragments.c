/* Makes the fragments of jobs that differ from event to event: a cause, and the end of a job with its customer. The
   encoder would be told them as dictionaries. A text with anything in it that JSON escapes is left to the encoder. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    /* More than all that stands around the given texts in a fragment, quotes included. */
    FRAME = 128,
    /* Fragments that can have no more bytes are put on the stack first, others into memory that is let go again. */
    USUAL = 2048,
    /* Of a character in UTF-8. */
    MOST_BYTES = 4
};

/* Where a fragment is put, with room for all of it. */
typedef struct {
    char *at;
    Py_ssize_t length;
} Target;

#define PUT(target, text) put((target), "" text, sizeof text - 1)

static inline void put(Target *target, const char *text, Py_ssize_t length)
{
    memcpy(target->at + target->length, text, (size_t)length);
    target->length += length;
}

static void put_bytes(Target *target, PyObject *bytes)
{
    put(target, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
}

/* Puts one character as UTF-8; false where JSON escapes it, or has it not at all. */
static bool put_character(Target *target, Py_UCS4 character)
{
    char text[4];
    Py_ssize_t length = 0;
    if (character < 0x20 || character == '"' || character == '\\' || (character >= 0xD800 && character <= 0xDFFF)) {
        return false;
    }
    if (character < 0x80) {
        text[length++] = (char)character;
    } else if (character < 0x800) {
        text[length++] = (char)(0xC0 | character >> 6);
        text[length++] = (char)(0x80 | (character & 0x3F));
    } else if (character < 0x10000) {
        text[length++] = (char)(0xE0 | character >> 12);
        text[length++] = (char)(0x80 | (character >> 6 & 0x3F));
        text[length++] = (char)(0x80 | (character & 0x3F));
    } else {
        text[length++] = (char)(0xF0 | character >> 18);
        text[length++] = (char)(0x80 | (character >> 12 & 0x3F));
        text[length++] = (char)(0x80 | (character >> 6 & 0x3F));
        text[length++] = (char)(0x80 | (character & 0x3F));
    }
    put(target, text, length);
    return true;
}

/* Has a top bit set where something of eight bytes is escaped in JSON. */
static inline uint64_t escaped_in(const unsigned char *at)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t eight, quotes, slashes;
    memcpy(&eight, at, 8);
    quotes = eight ^ ones * '"';
    slashes = eight ^ ones * '\\';
    /* Of ASCII only: a byte less than a number wraps around its top bit. */
    return (eight - ones * 0x20) | (quotes - ones) | (slashes - ones);
}

/* Tells whether something of these bytes is escaped in JSON; of each eight at once, the last eight perhaps again. */
static bool has_escaped(const unsigned char *at, Py_ssize_t length)
{
    bool any = false;
    if (length < 8) {
        for (; length > 0; at++, length--) {
            any |= *at < 0x20 || *at == '"' || *at == '\\';
        }
        return any;
    }
    uint64_t found = escaped_in(at + length - 8);
    for (; length > 8; at += 8, length -= 8) {
        found |= escaped_in(at);
    }
    return (found & 0x8080808080808080u) != 0;
}

/* Puts a text as JSON; false where it has something that is escaped. */
static bool put_text(Target *target, PyObject *text)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    const void *data = PyUnicode_DATA(text);
    PUT(target, "\"");
    if (PyUnicode_IS_ASCII(text)) {
        if (has_escaped(data, length)) {
            return false;
        }
        put(target, data, length);
    } else {
        int kind = PyUnicode_KIND(text);
        for (Py_ssize_t place = 0; place < length; place++) {
            if (!put_character(target, PyUnicode_READ(kind, data, place))) {
                return false;
            }
        }
    }
    PUT(target, "\"");
    return true;
}

typedef bool (*Put)(Target *target, PyObject *const *given);

/* Returns more bytes than a fragment of the given texts and bytes has; those that are none of these are left out. */
static Py_ssize_t most_bytes(PyObject *const *given, Py_ssize_t count)
{
    Py_ssize_t most = FRAME;
    for (Py_ssize_t place = 0; place < count; place++) {
        PyObject *one = given[place];
        if (PyBytes_CheckExact(one)) {
            most += PyBytes_GET_SIZE(one);
        } else if (PyUnicode_CheckExact(one)) {
            most += PyUnicode_GET_LENGTH(one) * (PyUnicode_IS_ASCII(one) ? 1 : MOST_BYTES);
        }
    }
    return most;
}

/* Makes the bytes that a function puts; None where it leaves them to the encoder. */
static PyObject *make(Put put_all, PyObject *const *given, Py_ssize_t count)
{
    char usual[USUAL];
    Py_ssize_t most = most_bytes(given, count);
    Target target = {most <= USUAL ? usual : PyMem_Malloc((size_t)most), 0};
    if (target.at == NULL) {
        return PyErr_NoMemory();
    }
    PyObject *made = put_all(&target, given) ? PyBytes_FromStringAndSize(target.at, target.length) : Py_NewRef(Py_None);
    if (target.at != usual) {
        PyMem_Free(target.at);
    }
    return made;
}

static bool put_cause(Target *target, PyObject *const *given)
{
    PUT(target, "{\"event_id\":");
    if (!put_text(target, given[0])) {
        return false;
    }
    PUT(target, ",\"type\":");
    if (!put_text(target, given[1])) {
        return false;
    }
    PUT(target, ",\"created_at\":");
    if (!put_text(target, given[2])) {
        return false;
    }
    PUT(target, "}");
    return true;
}

static bool put_end(Target *target, PyObject *const *given)
{
    PyObject *contact = given[1], *name = given[3];
    PUT(target, "\"customer\":{\"id\":");
    if (!put_text(target, given[0])) {
        return false;
    }
    if (contact != Py_None) {
        PUT(target, ",");
        if (!put_text(target, contact)) {
            return false;
        }
        PUT(target, ":");
        if (!put_text(target, given[2])) {
            return false;
        }
    }
    PUT(target, ",\"name\":");
    if (name == Py_None) {
        PUT(target, "null");
    } else if (!PyUnicode_CheckExact(name) || !put_text(target, name)) {
        return false;
    }
    PUT(target, "},\"cause\":");
    put_bytes(target, given[4]);
    PUT(target, ",\"created_at\":");
    if (!put_text(target, given[5])) {
        return false;
    }
    PUT(target, "}");
    return true;
}

static PyObject *cause_of_event(PyObject *Py_UNUSED(module), PyObject *const *given, Py_ssize_t count)
{
    if (count != 3 || !PyUnicode_CheckExact(given[0]) || !PyUnicode_CheckExact(given[1]) ||
        !PyUnicode_CheckExact(given[2])) {
        PyErr_SetString(PyExc_TypeError, "three texts are needed");
        return NULL;
    }
    return make(put_cause, given, count);
}

static PyObject *end_of_job(PyObject *Py_UNUSED(module), PyObject *const *given, Py_ssize_t count)
{
    if (count != 6 || !PyUnicode_CheckExact(given[0]) || !PyBytes_CheckExact(given[4]) ||
        !PyUnicode_CheckExact(given[5]) ||
        !(given[1] == Py_None || (PyUnicode_CheckExact(given[1]) && PyUnicode_CheckExact(given[2])))) {
        PyErr_SetString(PyExc_TypeError, "three texts, a name, a cause in JSON and a time are needed");
        return NULL;
    }
    return make(put_end, given, count);
}

static PyMethodDef methods[] = {
    {"cause_of_event", (PyCFunction)(void (*)(void))cause_of_event, METH_FASTCALL, "See streamproc.domain.fragments."},
    {"end_of_job", (PyCFunction)(void (*)(void))end_of_job, METH_FASTCALL, "See streamproc.domain.fragments."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_fragments", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__fragments(void)
{
    return PyModule_Create(&module);
}
