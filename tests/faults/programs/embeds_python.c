/* A program that has Python inside and does not look like it, as frozen applications are: runs the file beside it. */
#include <libgen.h>
#include <stdio.h>

extern int Py_BytesMain(int argc, char **argv);

int main(int argc, char **argv) {
    char path[4096], script[4200];
    snprintf(path, sizeof path, "%s", argv[0]);
    snprintf(script, sizeof script, "%s/app.py", dirname(path));
    char *words[] = {argv[0], script, argc > 1 ? argv[1] : NULL, NULL};
    return Py_BytesMain(argc > 1 ? 3 : 2, words);
}
