/* Reads the form of a date-time that nearly every producer writes: 2026-11-24T10:00:00Z, with or without milliseconds.
   Whatever else a text is, None is returned, and another way is left to read it. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <datetime.h>

enum {
    TO_SECONDS = 20,
    TO_MILLISECONDS = 24
};

/* Returns the number that so many digits are, -1 where one of them is no digit. */
static int number(const unsigned char *at, int digits)
{
    int read = 0;
    for (; digits > 0; digits--, at++) {
        if (*at < '0' || *at > '9') {
            return -1;
        }
        read = 10 * read + (*at - '0');
    }
    return read;
}

static PyObject *read_plain(PyObject *Py_UNUSED(module), PyObject *text)
{
    if (!PyUnicode_CheckExact(text) || !PyUnicode_IS_COMPACT_ASCII(text)) {
        Py_RETURN_NONE;
    }
    const unsigned char *at = PyUnicode_1BYTE_DATA(text);
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    if ((length != TO_SECONDS && length != TO_MILLISECONDS) || at[4] != '-' || at[7] != '-' || at[10] != 'T' ||
        at[13] != ':' || at[16] != ':' || at[length - 1] != 'Z' || (length == TO_MILLISECONDS && at[19] != '.')) {
        Py_RETURN_NONE;
    }
    int fields[] = {number(at, 4),      number(at + 5, 2),  number(at + 8, 2), number(at + 11, 2),
                    number(at + 14, 2), number(at + 17, 2), length == TO_MILLISECONDS ? number(at + 20, 3) : 0};
    for (size_t place = 0; place < sizeof fields / sizeof *fields; place++) {
        if (fields[place] < 0) {
            Py_RETURN_NONE;
        }
    }
    PyObject *instant = PyDateTimeAPI->DateTime_FromDateAndTime(fields[0], fields[1], fields[2], fields[3], fields[4],
                                                                fields[5], 1000 * fields[6], PyDateTime_TimeZone_UTC,
                                                                PyDateTimeAPI->DateTimeType);
    if (instant == NULL && PyErr_ExceptionMatches(PyExc_ValueError)) {
        PyErr_Clear(); /* no day or time of the calendar */
        Py_RETURN_NONE;
    }
    return instant;
}

static PyMethodDef methods[] = {
    {"read_plain", read_plain, METH_O, "Return a date-time in UTC from the form that is mostly written, else None."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_instants", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__instants(void)
{
    PyDateTime_IMPORT;
    return PyDateTimeAPI == NULL ? NULL : PyModule_Create(&module);
}
