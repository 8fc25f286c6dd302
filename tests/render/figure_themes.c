/*
 * In each theme of a figure its texts can be read and its inks stand out; in `print` any two inks
 * differ in lightness alone by ten steps of a hundred, so that a grey printer shows them apart.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "figure_theme.h"

static double linear(uint8_t v)
{
	double c = v / 255.0;

	return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

/* WCAG 2: relative luminance and contrast. */
static double luminance(const struct colour *c)
{
	return 0.2126 * linear(c->r) + 0.7152 * linear(c->g) + 0.0722 * linear(c->b);
}

static double contrast(const struct colour *a, const struct colour *b)
{
	double x = luminance(a) + 0.05, y = luminance(b) + 0.05;

	return x > y ? x / y : y / x;
}

/* CIE L*, 0 to 100. */
static double lightness(const struct colour *c)
{
	double y = luminance(c);

	return y > 0.008856 ? 116 * cbrt(y) - 16 : 903.3 * y;
}

static void texts_can_be_read(void **state)
{
	(void)state;
	for (unsigned i = 0; i < N_LOOKS; i++) {
		struct figure_theme t;

		figure_theme_init(&t, i);
		assert_true(contrast(&t.text, &t.page) >= 7);
		assert_true(contrast(&t.dim, &t.page) >= 4.5);
		assert_true(contrast(&t.note, &t.page) >= 4.5);
		assert_true(contrast(&t.arrow, &t.page) >= 7);
	}
}

static void light_and_dark_are_the_tiles(void **state)
{
	(void)state;
	for (unsigned i = LOOK_LIGHT; i <= LOOK_DARK; i++) {
		struct figure_theme t;

		figure_theme_init(&t, i);
		for (unsigned ink = INK_RUN; ink < N_INKS; ink++)
			assert_memory_equal(&t.ink[ink], &palette[i][ink], sizeof(struct colour));
		assert_memory_equal(&t.page, &palette_page[i], sizeof(struct colour));
		assert_memory_equal(&t.ink[INK_IDLE], &palette_page[i], sizeof(struct colour));
	}
}

static void print_needs_no_colour(void **state)
{
	struct figure_theme t;

	(void)state;
	figure_theme_init(&t, LOOK_PRINT);
	for (unsigned a = 0; a < N_INKS; a++)
		for (unsigned b = a + 1; b < N_INKS; b++)
			if (fabs(lightness(&t.ink[a]) - lightness(&t.ink[b])) < 10)
				fail_msg("%s has %.1f, %s has %.1f", ink_names[a],
					 lightness(&t.ink[a]), ink_names[b], lightness(&t.ink[b]));
}

/* Side by side in a lane, or one over the other. */
static void neighbours_in_print_are_far_apart(void **state)
{
	static const uint8_t pairs[][2] = {
		{ INK_RUN, INK_STALL },	   { INK_RUN, INK_SIGNAL }, { INK_RUN, INK_ACQUIRE },
		{ INK_WAIT, INK_SIGNAL },  { INK_WAIT, INK_RUN },   { INK_STALL, INK_SIGNAL },
		{ INK_STALL, INK_WAIT },   { INK_BUSY, INK_WAIT },  { INK_RETRY, INK_WAIT },
		{ INK_RETRY, INK_SIGNAL }, { INK_RETRY, INK_BUSY }, { INK_RUN, INK_LOST },
	};
	struct figure_theme t;

	(void)state;
	figure_theme_init(&t, LOOK_PRINT);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		const struct colour *a = &t.ink[pairs[i][0]], *b = &t.ink[pairs[i][1]];

		if (fabs(lightness(a) - lightness(b)) < 18)
			fail_msg("%s and %s: %.1f and %.1f", ink_names[pairs[i][0]],
				 ink_names[pairs[i][1]], lightness(a), lightness(b));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_can_be_read),
		cmocka_unit_test(light_and_dark_are_the_tiles),
		cmocka_unit_test(print_needs_no_colour),
		cmocka_unit_test(neighbours_in_print_are_far_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
