/* Makes record batches (KIP-98, version 2, uncompressed) of many records in one call. The client's own builder takes
   them one by one, and computes checksums without the processor's help. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "_batch.h"

/* Whose batches they are, and the time of their records. */
typedef struct {
    long long timestamp;
    long long producer_id;
    short epoch;
} Origin;

typedef struct {
    const char *data;
    Py_ssize_t length; /* -1 for null */
} Text;

static void put_number(char *at, uint64_t number, int bytes)
{
    while (bytes > 0) {
        at[--bytes] = (char)number;
        number >>= 8;
    }
}

static int size_of_varint(Py_ssize_t number)
{
    uint64_t rest = ((uint64_t)number << 1) ^ (uint64_t)(number >> 63);
    int size = 1;
    while (rest >>= 7) {
        size++;
    }
    return size;
}

static char *put_varint(char *at, Py_ssize_t number)
{
    uint64_t rest = ((uint64_t)number << 1) ^ (uint64_t)(number >> 63);
    while (rest > 0x7F) {
        *at++ = (char)(rest | 0x80);
        rest >>= 7;
    }
    *at++ = (char)rest;
    return at;
}

static Py_ssize_t size_of_text(Text text)
{
    return size_of_varint(text.length) + (text.length > 0 ? text.length : 0);
}

static char *put_text(char *at, Text text)
{
    at = put_varint(at, text.length);
    if (text.length > 0) {
        memcpy(at, text.data, text.length);
        at += text.length;
    }
    return at;
}

static int read_bytes(PyObject *given, Text *text)
{
    if (given == Py_None) {
        *text = (Text){NULL, -1};
        return 0;
    }
    if (!PyBytes_CheckExact(given)) {
        PyErr_Format(PyExc_TypeError, "bytes or None are needed, not %.100s", Py_TYPE(given)->tp_name);
        return -1;
    }
    *text = (Text){PyBytes_AS_STRING(given), PyBytes_GET_SIZE(given)};
    return 0;
}

static int read_header(PyObject *header, Text *name, Text *value)
{
    if (!PyTuple_CheckExact(header) || PyTuple_GET_SIZE(header) != 2) {
        PyErr_SetString(PyExc_TypeError, "a header is a tuple of name and value");
        return -1;
    }
    name->data = PyUnicode_AsUTF8AndSize(PyTuple_GET_ITEM(header, 0), &name->length);
    return name->data == NULL ? -1 : read_bytes(PyTuple_GET_ITEM(header, 1), value);
}

static int read_record(PyObject *record, Text *key, Text *value, PyObject **headers)
{
    if (!PyTuple_CheckExact(record) || PyTuple_GET_SIZE(record) != 3 ||
        !PyList_CheckExact(PyTuple_GET_ITEM(record, 2))) {
        PyErr_SetString(PyExc_TypeError, "a record is a tuple of key, value and a list of headers");
        return -1;
    }
    *headers = PyTuple_GET_ITEM(record, 2);
    return read_bytes(PyTuple_GET_ITEM(record, 0), key) < 0 ? -1 : read_bytes(PyTuple_GET_ITEM(record, 1), value);
}

/* Returns how many bytes a record has after its length; -1 when it is none. */
static Py_ssize_t size_of_record(PyObject *record, Py_ssize_t offset)
{
    Text key, value, name;
    PyObject *headers;
    Py_ssize_t size;
    if (read_record(record, &key, &value, &headers) < 0) {
        return -1;
    }
    /* One byte each for attributes and for the time since the batch's. */
    size = 2 + size_of_varint(offset) + size_of_text(key) + size_of_text(value) +
           size_of_varint(PyList_GET_SIZE(headers));
    for (Py_ssize_t place = 0; place < PyList_GET_SIZE(headers); place++) {
        if (read_header(PyList_GET_ITEM(headers, place), &name, &value) < 0) {
            return -1;
        }
        size += size_of_text(name) + size_of_text(value);
    }
    return size;
}

/* Puts a record of which the size was told. */
static char *put_record(char *at, PyObject *record, Py_ssize_t offset, Py_ssize_t size)
{
    Text key, value, name;
    PyObject *headers;
    read_record(record, &key, &value, &headers);
    at = put_varint(at, size);
    *at++ = 0;
    *at++ = 0;
    at = put_varint(at, offset);
    at = put_text(at, key);
    at = put_text(at, value);
    at = put_varint(at, PyList_GET_SIZE(headers));
    for (Py_ssize_t place = 0; place < PyList_GET_SIZE(headers); place++) {
        read_header(PyList_GET_ITEM(headers, place), &name, &value);
        at = put_text(at, name);
        at = put_text(at, value);
    }
    return at;
}

/* Makes the batch of records `first` to `end`, of which the sizes are told, in so many bytes. */
static PyObject *make_batch(PyObject **records, const Py_ssize_t *sizes, Py_ssize_t first, Py_ssize_t end,
                            Py_ssize_t bytes, Origin origin)
{
    PyObject *batch = PyBytes_FromStringAndSize(NULL, bytes);
    char *start, *at;
    if (batch == NULL) {
        return NULL;
    }
    start = PyBytes_AS_STRING(batch);
    put_number(start + FIRST_OFFSET, 0, 8); /* the offset, which the broker sets */
    put_number(start + LENGTH, bytes - LEADER_EPOCH, 4);
    put_number(start + LEADER_EPOCH, (uint64_t)-1, 4);
    put_number(start + MAGIC, VERSION, 1);
    put_number(start + ATTRIBUTES, IS_TRANSACTIONAL, 2);
    put_number(start + LAST_OFFSET, end - first - 1, 4);
    put_number(start + FIRST_TIMESTAMP, origin.timestamp, 8);
    put_number(start + LAST_TIMESTAMP, origin.timestamp, 8);
    put_number(start + PRODUCER_ID, origin.producer_id, 8);
    put_number(start + PRODUCER_EPOCH, origin.epoch, 2);
    put_number(start + SEQUENCE, first, 4);
    put_number(start + COUNT, end - first, 4);
    at = start + RECORDS;
    for (Py_ssize_t place = first; place < end; place++) {
        at = put_record(at, records[place], place - first, sizes[place]);
    }
    put_number(start + CHECKSUM, checksum(start + ATTRIBUTES, bytes - ATTRIBUTES), 4);
    return batch;
}

static int append_batches(PyObject *batches, PyObject **records, Py_ssize_t *sizes, Py_ssize_t count, Py_ssize_t limit,
                          Origin origin)
{
    Py_ssize_t end = 0;
    while (end < count) {
        Py_ssize_t first = end, bytes = RECORDS;
        PyObject *batch;
        int failed;
        for (; end < count; end++) {
            Py_ssize_t size = size_of_record(records[end], end - first), more;
            if (size < 0) {
                return -1;
            }
            more = size_of_varint(size) + size;
            if (end > first && bytes + more > limit) {
                break;
            }
            sizes[end] = size;
            bytes += more;
        }
        batch = make_batch(records, sizes, first, end, bytes, origin);
        failed = batch == NULL || PyList_Append(batches, batch) < 0;
        Py_XDECREF(batch);
        if (failed) {
            return -1;
        }
    }
    return 0;
}

static PyObject *build_batches(PyObject *Py_UNUSED(module), PyObject *given)
{
    PyObject *all, *records, *batches;
    Py_ssize_t limit, *sizes;
    Origin origin;
    if (!PyArg_ParseTuple(given, "OLLhn", &all, &origin.timestamp, &origin.producer_id, &origin.epoch, &limit) ||
        (records = PySequence_Fast(all, "a sequence of records is needed")) == NULL) {
        return NULL;
    }
    batches = PyList_New(0);
    sizes = PyMem_New(Py_ssize_t, PySequence_Fast_GET_SIZE(records) + 1);
    if (sizes == NULL) {
        PyErr_NoMemory();
    }
    if (batches == NULL || sizes == NULL ||
        append_batches(batches, PySequence_Fast_ITEMS(records), sizes, PySequence_Fast_GET_SIZE(records), limit, origin) <
            0) {
        Py_CLEAR(batches);
    }
    PyMem_Free(sizes);
    Py_DECREF(records);
    return batches;
}

static PyMethodDef methods[] = {
    {"build_batches", build_batches, METH_VARARGS, "Return the batches of records; see streamproc.runtime.batches."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_batches", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__batches(void)
{
    if (!__builtin_cpu_supports("sse4.2")) {
        PyErr_SetString(PyExc_ImportError, "this processor has no checksum instructions");
        return NULL;
    }
    return PyModule_Create(&module);
}
