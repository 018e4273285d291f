/* A double as Python writes it: the fewest digits that are that number and no other.
 *
 * Numbers of programs are mostly decimals of a few digits. A decimal of at most 15 digits is the only one of that length
 * for its double, so one that is found by multiplying, and divides back to the same double, is the shortest. From 1e-5 to
 * 2^53 the others are told exactly by 128 bits: 16 digits if those lie nearer than half way to the next double, else 17.
 * What is smaller or greater is written and read again with more and more digits, as C's library does it: 1-2 us. */
#include "float_text.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SURE_DIGITS 15   /* decimals of so many digits are doubles of their own, but for the smallest doubles */
#define MOST_DIGITS 17   /* tell any two doubles apart */
#define MOST_PLAIN 16    /* digits before the point, beyond which Python writes an exponent */
#define LEAST_PLAIN (-4) /* and zeros behind it */

/* Powers of ten that are doubles without rounding. */
static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                              1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
#define TENS ((int)(sizeof tens / sizeof *tens))

/* `digits` times ten to the power of `point - count`: the point lies behind the first `point` digits. */
struct decimal {
    char digits[24];
    int count, point;
};

/* No GIL; does not allocate. */
static void strip_zeros(struct decimal *d) {
    while (d->count > 1 && d->digits[d->count - 1] == '0')
        d->count--;
}

/* No GIL; does not allocate. */
static void set_whole(struct decimal *d, uint64_t whole, int power) {
    char reversed[24];
    d->count = 0;
    for (int n = 0; whole || !n; whole /= 10)
        reversed[n++] = (char)('0' + whole % 10), d->count = n;
    for (int i = 0; i < d->count; i++)
        d->digits[i] = reversed[d->count - 1 - i];
    d->point = d->count + power;
    strip_zeros(d);
}

/* No GIL; does not allocate. Whether a decimal is that number: `whole` divided by that power of ten. */
static int set_if_same(struct decimal *d, double number, double whole, int power) {
    if (whole < 1 || whole >= 1e15 || whole / tens[power] != number)
        return 0;
    set_whole(d, (uint64_t)whole, -power);
    return 1;
}

/* No GIL; does not allocate. False for a number below 2^53 that no decimal of at most 15 digits is, or none that is found. */
static int find_short(double number, struct decimal *d) {
    for (int power = 0; power < 4; power++)
        if (set_if_same(d, number, rint(number * tens[power]), power))
            return 1;
    int power = 4; /* as many digits as can be: the product is off by less than 1/8 */
    while (power + 1 < TENS && number * tens[power + 1] < 1e15)
        power++;
    return set_if_same(d, number, rint(number * tens[power]), power);
}

/* No GIL; does not allocate. The same of a greater one. */
static int find_great(double number, struct decimal *d) {
    for (int power = 1; power < TENS; power++) {
        const double whole = rint(number / tens[power]);
        if (whole < 1e15 && whole * tens[power] == number) {
            set_whole(d, (uint64_t)whole, power);
            return 1;
        }
    }
    return 0;
}

/* No GIL; does not allocate. False where the numbers do not fit, or doubles lie twice as dense below as above.
 *
 * The number is 2m / 2^shift. Times a power of ten it has 17 digits before the point, and all of it fits into 128 bits;
 * half way to the next double is that power. */
static int find_exact(double number, struct decimal *d) {
    uint64_t bits;
    int exponent, power = 21;
    if (!(number >= 1e-5 && number < 9007199254740992.0))
        return 0;
    frexp(number, &exponent);
    memcpy(&bits, &number, sizeof bits);
    const uint64_t fraction = bits & ((1ull << 52) - 1), m = fraction | 1ull << 52;
    while (power > 0 && number * tens[power] >= 1e17)
        power--;
    const int shift = 54 - exponent;
    const unsigned __int128 half = (unsigned __int128)tens[power], whole = half * (2 * m);
    const unsigned __int128 one = (unsigned __int128)1 << shift, rest = whole & (one - 1);
    const uint64_t digits = (uint64_t)(whole >> shift);
    if (!fraction || digits < 10000000000000000u || digits >= 100000000000000000u)
        return 0;
    const unsigned __int128 below = digits % 10 * one + rest, above = 10 * one - below;
    const unsigned __int128 least = below < above ? below : above;
    if (least < half || (least == half && !(m & 1)))
        set_whole(d, digits / 10 + (above < below || (above == below && digits / 10 % 2)), 1 - power);
    else
        set_whole(d, digits + (rest > one / 2 || (rest == one / 2 && digits % 2)), -power);
    return 1;
}

/* No GIL; does not allocate. Whether the decimal is read as that number; without a point, whose look a locale decides. */
static int is_read_as(const struct decimal *d, double number) {
    char text[48];
    snprintf(text, sizeof text, "%.*se%d", d->count, d->digits, d->point - d->count);
    return strtod(text, NULL) == number;
}

/* No GIL; does not allocate. One more in the last digit. */
static void step_up(struct decimal *d) {
    int at = d->count - 1;
    while (at >= 0 && d->digits[at] == '9')
        d->digits[at--] = '0';
    if (at >= 0) {
        d->digits[at]++;
    } else {
        d->digits[0] = '1';
        d->point++;
    }
}

/* No GIL; does not allocate. The nearest decimal of so many digits. */
static void set_nearest(struct decimal *d, double number, int digits) {
    char text[40];
    snprintf(text, sizeof text, "%.*e", digits - 1, number);
    const char *at = text;
    for (d->count = 0; *at && *at != 'e'; at++)
        if (*at >= '0' && *at <= '9')
            d->digits[d->count++] = *at;
    d->point = 1 + (*at ? atoi(at + 1) : 0);
}

/* No GIL; does not allocate. Below a power of two doubles lie twice as dense as above: there the nearest decimal may be
 * that of a neighbour, and the one above it is still ours. */
static void find_any(double number, struct decimal *d) {
    int exponent;
    const int is_power = frexp(number, &exponent) == 0.5, is_smallest = exponent < -1021;
    for (int digits = is_smallest ? 1 : SURE_DIGITS; digits < MOST_DIGITS; digits++) {
        set_nearest(d, number, digits);
        if (is_read_as(d, number)) {
            strip_zeros(d);
            return;
        }
        if (is_power) {
            step_up(d);
            if (is_read_as(d, number)) {
                strip_zeros(d);
                return;
            }
        }
    }
    set_nearest(d, number, MOST_DIGITS);
}

/* No GIL; does not allocate. Its length; there is no zero at the end. */
size_t scope_float_text(double number, char text[SCOPE_FLOAT_BYTES]) {
    struct decimal d;
    char *at = text;
    if (isnan(number)) {
        memcpy(text, "nan", 3);
        return 3;
    }
    if (signbit(number))
        *at++ = '-';
    number = fabs(number);
    if (isinf(number)) {
        memcpy(at, "inf", 3);
        return (size_t)(at + 3 - text);
    }
    if (number == 0)
        set_whole(&d, 0, 0);
    else if (!(number < 1e15 ? find_short(number, &d) : find_great(number, &d)) && !find_exact(number, &d))
        find_any(number, &d);
    if (d.point <= LEAST_PLAIN || d.point > MOST_PLAIN) {
        *at++ = d.digits[0];
        if (d.count > 1)
            *at++ = '.';
        memcpy(at, d.digits + 1, (size_t)(d.count - 1));
        at += d.count - 1;
        const int exponent = d.point - 1;
        at += snprintf(at, 8, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
        return (size_t)(at - text);
    }
    for (int i = d.point < 1 ? d.point - 1 : 0; i < d.count || i <= d.point; i++) {
        if (i == d.point)
            *at++ = '.';
        *at++ = i >= 0 && i < d.count ? d.digits[i] : '0';
    }
    return (size_t)(at - text);
}
