/* What every chart in text form must hold. */
#ifndef CP_TESTS_FIXTURE_DRAWING_H
#define CP_TESTS_FIXTURE_DRAWING_H

/* Fails the test if a drawing has too many primitives or something outside its page. */
void fixture_check_drawing(const char *text);

#endif
