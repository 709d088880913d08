/* The columns in which a customer's orders are remembered: looking into them and changing them without taking them
   apart. `plain_columns.py` says what each function means, and does the same in Python.

   All of a column is ASCII, so that a byte is a character; whatever else is refused. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <datetime.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "_plain_time.h"

enum {
    DIGITS = 9,          /* of a number in a column */
    BASE = 91,           /* nine such digits hold any microsecond of the calendar, in each of its forms */
    FIRST_DIGIT = '#',   /* from here to ~, but for the backslash */
    LAST_DIGIT = '~',
    TIMES = 2 * DIGITS   /* when an order was made, and when it became counted */
};

#define SECONDS_A_DAY INT64_C(86400)
#define MICROSECONDS INT64_C(1000000)
#define DAYS INT64_C(3652059) /* of the years 1 to 9999 */
#define SECONDS (DAYS * SECONDS_A_DAY)
#define LARGEST INT64_C(427929800129788410) /* 91 to the power of 9, less 1 */

/* Where the numbers begin that stand for texts with so many decimals; behind the last of them there are none. */
static const int64_t first_of[MOST_DECIMALS + 2] = {
    0, SECONDS, SECONDS * 11, SECONDS * 111, SECONDS * 1111, SECONDS * 11111, SECONDS * 111111, SECONDS * 1111111,
};
static const int32_t power_of_ten[MOST_DECIMALS + 1] = {1, 10, 100, 1000, 10000, 100000, 1000000};
static const int days_before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};

typedef struct {
    const char *at;
    Py_ssize_t size;
} Text;

typedef struct {
    Py_ssize_t start, end;
} Span;

/* Reads an argument that has to be a text in ASCII. */
static bool read_text(PyObject *argument, Text *text)
{
    if (!PyUnicode_CheckExact(argument)) {
        PyErr_Format(PyExc_TypeError, "a text is needed, not %.100s", Py_TYPE(argument)->tp_name);
        return false;
    }
    if (!PyUnicode_IS_COMPACT_ASCII(argument)) {
        PyErr_SetString(PyExc_ValueError, "a column is ASCII");
        return false;
    }
    text->at = (const char *)PyUnicode_1BYTE_DATA(argument);
    text->size = PyUnicode_GET_LENGTH(argument);
    return true;
}

/* Reads an argument that has to be one field. */
static bool read_field(PyObject *argument, Text *field)
{
    if (!read_text(argument, field)) {
        return false;
    }
    if (field->size == 0 || memchr(field->at, ',', (size_t)field->size) != NULL) {
        PyErr_SetString(PyExc_ValueError, "a field has a character at least, and no comma");
        return false;
    }
    return true;
}

static bool read_place(PyObject *argument, Py_ssize_t *place)
{
    if (!PyLong_CheckExact(argument)) {
        PyErr_Format(PyExc_TypeError, "a place is needed, not %.100s", Py_TYPE(argument)->tp_name);
        return false;
    }
    *place = PyNumber_AsSsize_t(argument, PyExc_IndexError);
    return *place != -1 || PyErr_Occurred() == NULL;
}

static bool takes(Py_ssize_t found, Py_ssize_t needed)
{
    if (found != needed) {
        PyErr_Format(PyExc_TypeError, "%zd arguments are needed, not %zd", needed, found);
        return false;
    }
    return true;
}

/* Fields between commas. */

static bool is_escaped(char byte)
{
    return byte == ',' || byte == '%' || (unsigned char)byte > 127;
}

static PyObject *as_field(PyObject *Py_UNUSED(module), PyObject *argument)
{
    if (!PyUnicode_CheckExact(argument)) {
        return PyErr_Format(PyExc_TypeError, "a text is needed, not %.100s", Py_TYPE(argument)->tp_name);
    }
    Py_ssize_t size, escaped = 0;
    const char *text = PyUnicode_AsUTF8AndSize(argument, &size);
    if (text == NULL) {
        return NULL;
    }
    for (Py_ssize_t at = 0; at < size; at++) {
        escaped += is_escaped(text[at]);
    }
    if (escaped == 0) {
        return Py_NewRef(argument);
    }
    if (escaped > (PY_SSIZE_T_MAX - size) / 2) {
        return PyErr_NoMemory();
    }
    PyObject *field = PyUnicode_New(size + 2 * escaped, 127);
    if (field == NULL) {
        return NULL;
    }
    char *into = (char *)PyUnicode_1BYTE_DATA(field);
    for (Py_ssize_t at = 0; at < size; at++) {
        if (is_escaped(text[at])) {
            unsigned char byte = (unsigned char)text[at];
            *into++ = '%';
            *into++ = "0123456789ABCDEF"[byte >> 4];
            *into++ = "0123456789ABCDEF"[byte & 15];
        } else {
            *into++ = text[at];
        }
    }
    return field;
}

/* Tells whether a field that ends there is this one. */
static bool is_field(Text column, Py_ssize_t end, Text field)
{
    Py_ssize_t start = end - field.size;
    return (start == 0 || column.at[start - 1] == ',') && memcmp(column.at + start, field.at, (size_t)field.size) == 0;
}

/* Returns where a field begins, -1 where it is not there. What ends as it does is looked for: ids begin alike. */
static Py_ssize_t start_of_equal(Text column, Text field)
{
    char last = field.at[field.size - 1];
    Py_ssize_t at = field.size - 1;
#ifdef __SSE2__
    const __m128i lasts = _mm_set1_epi8(last), commas = _mm_set1_epi8(',');
    for (; at + 16 < column.size; at += 16) { /* the last character is left: no comma stands behind it */
        __m128i here = _mm_loadu_si128((const __m128i *)(column.at + at));
        __m128i next = _mm_loadu_si128((const __m128i *)(column.at + at + 1));
        int ends = _mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(here, lasts), _mm_cmpeq_epi8(next, commas)));
        for (; ends != 0; ends &= ends - 1) {
            Py_ssize_t end = at + __builtin_ctz((unsigned int)ends) + 1;
            if (is_field(column, end, field)) {
                return end - field.size;
            }
        }
    }
#endif
    for (; at < column.size; at++) {
        if (column.at[at] == last && (at + 1 == column.size || column.at[at + 1] == ',') &&
            is_field(column, at + 1, field)) {
            return at + 1 - field.size;
        }
    }
    return -1;
}

static PyObject *place_of(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    Text column, field;
    if (!takes(count, 2) || !read_text(arguments[0], &column) || !read_field(arguments[1], &field)) {
        return NULL;
    }
    Py_ssize_t start = start_of_equal(column, field), place = 0;
    if (start < 0) {
        return PyLong_FromLong(-1);
    }
    for (Py_ssize_t at = 0; at < start; at++) {
        place += column.at[at] == ',';
    }
    return PyLong_FromSsize_t(place);
}

/* Finds the field at a place. */
static bool find(Text column, Py_ssize_t place, Span *found)
{
    const char *at = column.at, *last = column.at + column.size, *comma = NULL;
    if (place >= 0 && column.size > 0) {
        comma = memchr(at, ',', (size_t)(last - at));
        for (; place > 0 && comma != NULL; place--) {
            at = comma + 1;
            comma = memchr(at, ',', (size_t)(last - at));
        }
    }
    if (place != 0 || column.size == 0) {
        PyErr_SetString(PyExc_IndexError, "no field stands there");
        return false;
    }
    found->start = at - column.at;
    found->end = (comma == NULL ? last : comma) - column.at;
    return true;
}

/* Reads two arguments, a column and a place, and finds the field. */
static bool read_field_at(PyObject *const *arguments, Text *column, Span *found)
{
    Py_ssize_t place;
    return read_text(arguments[0], column) && read_place(arguments[1], &place) && find(*column, place, found);
}

/* Returns what goes with a field when it is taken out: the comma behind it, or before it where it is the last. */
static Span with_comma(Text column, Span field)
{
    if (field.end < column.size) {
        field.end++;
    } else if (field.start > 0) {
        field.start--;
    }
    return field;
}

static char *put(char *into, const char *from, Py_ssize_t size)
{
    memcpy(into, from, (size_t)size);
    return into + size;
}

/* Returns the column without a span, and with a text before what stands behind it. */
static PyObject *spliced(Text column, Span span, Text between)
{
    Py_ssize_t kept = column.size - (span.end - span.start);
    if (between.size > PY_SSIZE_T_MAX - kept) {
        return PyErr_NoMemory();
    }
    PyObject *made = PyUnicode_New(kept + between.size, 127);
    if (made == NULL) {
        return NULL;
    }
    char *into = put((char *)PyUnicode_1BYTE_DATA(made), column.at, span.start);
    into = put(into, between.at, between.size);
    put(into, column.at + span.end, column.size - span.end);
    return made;
}

static PyObject *field_at(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    Text column;
    Span found;
    if (!takes(count, 2) || !read_field_at(arguments, &column, &found)) {
        return NULL;
    }
    return PyUnicode_FromKindAndData(PyUnicode_1BYTE_KIND, column.at + found.start, found.end - found.start);
}

static PyObject *without(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    Text column;
    Span found;
    if (!takes(count, 2) || !read_field_at(arguments, &column, &found)) {
        return NULL;
    }
    return spliced(column, with_comma(column, found), (Text){"", 0});
}

static PyObject *replaced(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    Text column, field;
    Span found;
    if (!takes(count, 3) || !read_field(arguments[2], &field) || !read_field_at(arguments, &column, &found)) {
        return NULL;
    }
    return spliced(column, found, field);
}

static PyObject *appended(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    Text column, field;
    Py_ssize_t place;
    Span gone = {0, 0};
    if (!takes(count, 3) || !read_text(arguments[0], &column) || !read_field(arguments[1], &field) ||
        !read_place(arguments[2], &place)) {
        return NULL;
    }
    if (place != -1) {
        if (!find(column, place, &gone)) {
            return NULL;
        }
        gone = with_comma(column, gone);
    }
    Py_ssize_t kept = column.size - (gone.end - gone.start);
    if (field.size > PY_SSIZE_T_MAX - 1 - kept) {
        return PyErr_NoMemory();
    }
    PyObject *made = PyUnicode_New(kept + (kept > 0) + field.size, 127);
    if (made == NULL) {
        return NULL;
    }
    char *into = put((char *)PyUnicode_1BYTE_DATA(made), column.at, gone.start);
    into = put(into, column.at + gone.end, column.size - gone.end);
    if (kept > 0) {
        *into++ = ',';
    }
    put(into, field.at, field.size);
    return made;
}

/* Times. */

static char *put_number(char *into, int64_t number)
{
    for (int place = DIGITS - 1; place >= 0; place--) {
        int digit = (int)(number % BASE);
        number /= BASE;
        into[place] = (char)(FIRST_DIGIT + digit + (FIRST_DIGIT + digit >= '\\'));
    }
    return into + DIGITS;
}

/* Returns the number that stands there, -1 where something else does. */
static int64_t number_at(const char *at)
{
    int64_t number = 0;
    for (int place = 0; place < DIGITS; place++) {
        char digit = at[place];
        if (digit < FIRST_DIGIT || digit > LAST_DIGIT || digit == '\\') {
            return -1;
        }
        number = BASE * number + (digit - FIRST_DIGIT - (digit > '\\'));
    }
    return number;
}

static int is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_before_month(int year, int month)
{
    return days_before[month - 1] + (month > 2 ? is_leap(year) : 0);
}

static int64_t days_before_year(int year)
{
    int past = year - 1;
    return 365 * (int64_t)past + past / 4 - past / 100 + past / 400;
}

static int64_t days_before_date(int year, int month, int day)
{
    return days_before_year(year) + days_before_month(year, month) + day - 1;
}

static int64_t in_seconds(int64_t days, int hour, int minute, int second)
{
    return days * SECONDS_A_DAY + hour * 3600 + minute * 60 + second;
}

/* Tells how many microseconds after the beginning of year 1 something was made, in UTC. */
static bool read_made(PyObject *made, int64_t *microseconds)
{
    if (!PyDateTime_CheckExact(made)) {
        PyErr_Format(PyExc_TypeError, "a datetime is needed, not %.100s", Py_TYPE(made)->tp_name);
        return false;
    }
    int64_t days = days_before_date(PyDateTime_GET_YEAR(made), PyDateTime_GET_MONTH(made), PyDateTime_GET_DAY(made));
    int64_t seconds = in_seconds(days, PyDateTime_DATE_GET_HOUR(made), PyDateTime_DATE_GET_MINUTE(made),
                                 PyDateTime_DATE_GET_SECOND(made));
    *microseconds = seconds * MICROSECONDS + PyDateTime_DATE_GET_MICROSECOND(made);
    if (PyDateTime_DATE_GET_TZINFO(made) != PyDateTime_TimeZone_UTC) {
        PyObject *offset = PyObject_CallMethod(made, "utcoffset", NULL);
        if (offset == NULL) {
            return false;
        }
        if (!PyDelta_Check(offset)) { /* datetime lets nothing but None through */
            Py_DECREF(offset);
            PyErr_SetString(PyExc_TypeError, "a datetime with an offset is needed");
            return false;
        }
        *microseconds -= (PyDateTime_DELTA_GET_DAYS(offset) * SECONDS_A_DAY + PyDateTime_DELTA_GET_SECONDS(offset)) *
                             MICROSECONDS +
                         PyDateTime_DELTA_GET_MICROSECONDS(offset);
        Py_DECREF(offset);
    }
    if (*microseconds < 0 || *microseconds > LARGEST) {
        PyErr_SetString(PyExc_OverflowError, "a time before year 1 in UTC");
        return false;
    }
    return true;
}

/* Returns the number that stands for a plain text, the largest where it is written in another way. */
static int64_t number_of(PyObject *text)
{
    PlainTime time;
    if (!read_plain_time(text, &time) || time.year < 1 || time.month < 1 || time.month > 12 || time.day < 1 ||
        time.hour > 23 || time.minute > 59 || time.second > 59) {
        return LARGEST;
    }
    int64_t days = days_before_date(time.year, time.month, time.day);
    if (days >= days_before_year(time.year) + days_before[time.month] + (time.month > 1 ? is_leap(time.year) : 0)) {
        return LARGEST; /* the month has no such day */
    }
    int64_t seconds = in_seconds(days, time.hour, time.minute, time.second);
    return first_of[time.decimals] + seconds * power_of_ten[time.decimals] + time.fraction;
}

static PyObject *write_times(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    int64_t made;
    if (!takes(count, 2) || !read_made(arguments[0], &made)) {
        return NULL;
    }
    if (!PyUnicode_CheckExact(arguments[1])) {
        return PyErr_Format(PyExc_TypeError, "a text is needed, not %.100s", Py_TYPE(arguments[1])->tp_name);
    }
    PyObject *times = PyUnicode_New(TIMES, 127);
    if (times == NULL) {
        return NULL;
    }
    char *into = put_number((char *)PyUnicode_1BYTE_DATA(times), made);
    put_number(into, number_of(arguments[1]));
    return times;
}

/* Reads an argument that has to be a column of times. */
static bool read_times(PyObject *argument, Text *times)
{
    if (!read_text(argument, times)) {
        return false;
    }
    if (times->size % TIMES != 0) {
        PyErr_SetString(PyExc_ValueError, "a column of times has 18 characters for each order");
        return false;
    }
    return true;
}

/* The first eight digits as a number that is as large as they are late. */
static uint64_t rank_of(const char *at)
{
    const unsigned char *byte = (const unsigned char *)at;
    return (uint64_t)byte[0] << 56 | (uint64_t)byte[1] << 48 | (uint64_t)byte[2] << 40 | (uint64_t)byte[3] << 32 |
           (uint64_t)byte[4] << 24 | (uint64_t)byte[5] << 16 | (uint64_t)byte[6] << 8 | (uint64_t)byte[7];
}

static PyObject *oldest(PyObject *Py_UNUSED(module), PyObject *argument)
{
    Text times;
    if (!read_times(argument, &times)) {
        return NULL;
    }
    if (times.size == 0) {
        PyErr_SetString(PyExc_ValueError, "there is no order");
        return NULL;
    }
    Py_ssize_t found = 0;
    uint64_t least = rank_of(times.at);
    for (Py_ssize_t at = TIMES; at < times.size; at += TIMES) {
        uint64_t rank = rank_of(times.at + at);
        if (rank < least || (rank == least && times.at[at + 8] < times.at[found + 8])) {
            found = at;
            least = rank;
        }
    }
    return PyLong_FromSsize_t(found / TIMES);
}

static char *put_decimal(char *into, int number, int digits)
{
    for (int place = digits - 1; place >= 0; place--) {
        into[place] = (char)('0' + number % 10);
        number /= 10;
    }
    return into + digits;
}

/* Writes the date that is so many days after the first of year 1. */
static char *put_date(char *into, int64_t days)
{
    int year = (int)(days * 400 / 146097) + 1; /* or one too many */
    while (days_before_year(year + 1) <= days) {
        year++;
    }
    while (days_before_year(year) > days) {
        year--;
    }
    int rest = (int)(days - days_before_year(year)), month = rest / 31 + 1; /* or one too few */
    if (month < 12 && days_before_month(year, month + 1) <= rest) {
        month++;
    }
    into = put_decimal(into, year, 4);
    *into++ = '-';
    into = put_decimal(into, month, 2);
    *into++ = '-';
    return put_decimal(into, rest - days_before_month(year, month) + 1, 2);
}

/* Returns the text that a number stands for. */
static PyObject *text_of(int64_t number)
{
    int decimals = MOST_DECIMALS;
    while (number < first_of[decimals]) {
        decimals--;
    }
    number -= first_of[decimals];
    int fraction = (int)(number % power_of_ten[decimals]);
    int64_t seconds = number / power_of_ten[decimals];
    int second = (int)(seconds % SECONDS_A_DAY);
    PyObject *text = PyUnicode_New(TO_SECONDS + (decimals > 0) + decimals, 127);
    if (text == NULL) {
        return NULL;
    }
    char *into = put_date((char *)PyUnicode_1BYTE_DATA(text), seconds / SECONDS_A_DAY);
    *into++ = 'T';
    into = put_decimal(into, second / 3600, 2);
    *into++ = ':';
    into = put_decimal(into, second / 60 % 60, 2);
    *into++ = ':';
    into = put_decimal(into, second % 60, 2);
    if (decimals > 0) {
        *into++ = '.';
        into = put_decimal(into, fraction, decimals);
    }
    *into = 'Z';
    return text;
}

static PyObject *read_counted(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    Text times;
    Py_ssize_t place;
    if (!takes(count, 2) || !read_times(arguments[0], &times) || !read_place(arguments[1], &place)) {
        return NULL;
    }
    if (place < 0 || place >= times.size / TIMES) {
        PyErr_SetString(PyExc_IndexError, "no order stands there");
        return NULL;
    }
    int64_t number = number_at(times.at + place * TIMES + DIGITS);
    if (number == LARGEST) {
        Py_RETURN_NONE;
    }
    if (number < 0 || number >= first_of[MOST_DECIMALS + 1]) {
        PyErr_SetString(PyExc_ValueError, "no time stands there");
        return NULL;
    }
    return text_of(number);
}

#define FUNCTION(name, flags) {#name, (PyCFunction)(void (*)(void))name, flags, "As in `plain_columns`."}

static PyMethodDef methods[] = {
    FUNCTION(as_field, METH_O),
    FUNCTION(place_of, METH_FASTCALL),
    FUNCTION(field_at, METH_FASTCALL),
    FUNCTION(without, METH_FASTCALL),
    FUNCTION(replaced, METH_FASTCALL),
    FUNCTION(appended, METH_FASTCALL),
    FUNCTION(write_times, METH_FASTCALL),
    FUNCTION(oldest, METH_O),
    FUNCTION(read_counted, METH_FASTCALL),
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_columns", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__columns(void)
{
    PyDateTime_IMPORT;
    return PyDateTimeAPI == NULL ? NULL : PyModule_Create(&module);
}
