/* SPDX-License-Identifier: MIT */
#include "tui/draw.h"

#include "cli/tty.h"
#include "tui/model.h"

#include <curses.h>
#include <signal.h>
#include <string.h>
#include <term.h>
#include <termios.h>

/* term.h makes macros of these. */
#undef columns
#undef lines

static SCREEN *screen; /* NULL: not open */
static bool colored;

/* ---- opening and closing ---- */

static const struct {
        enum out_style style;
        short color;
} colors[] = {
        { OUT_GREEN, COLOR_GREEN },
        { OUT_YELLOW, COLOR_YELLOW },
        { OUT_RED, COLOR_RED },
        { OUT_CYAN, COLOR_CYAN },
        { OUT_MAGENTA, COLOR_MAGENTA },
};

static void init_colors(bool color)
{
        colored = color && has_colors() && start_color() == OK;
        if (!colored)
                return;
        /* The terminal's own background, not black. */
        short back = use_default_colors() == OK ? -1 : COLOR_BLACK;
        for (size_t i = 0; i < ARRAY_LEN(colors); i++)
                init_pair((short)colors[i].style, colors[i].color, back);
}

/* Can it move the cursor, and is it known at all? */
static bool is_capable(void)
{
        int known = 0;
        if (setupterm(NULL, fileno(stdout), &known) != OK || known != 1)
                return false;
        bool capable = cursor_address != NULL && clear_screen != NULL;
        del_curterm(cur_term); /* newterm() makes its own */
        return capable;
}

/* curses catches signals if they have no handler yet; ours are blocked and read, and stay as they were. */
static const int caught[] = { SIGINT, SIGTERM, SIGTSTP, SIGWINCH };

static SCREEN *new_screen(void)
{
        struct sigaction before[ARRAY_LEN(caught)];
        for (size_t i = 0; i < ARRAY_LEN(caught); i++)
                sigaction(caught[i], NULL, &before[i]);
        SCREEN *s = newterm(NULL, stdout, stdin);
        for (size_t i = 0; i < ARRAY_LEN(caught); i++)
                sigaction(caught[i], &before[i], NULL);
        return s;
}

/* The keypad as terminals send it in either of its modes, whatever their description says. */
static void define_keys(void)
{
        static const struct {
                const char *sent;
                int code;
        } keys[] = {
                { "\033[A", KEY_UP },
                { "\033OA", KEY_UP },
                { "\033[B", KEY_DOWN },
                { "\033OB", KEY_DOWN },
                { "\033[H", KEY_HOME },
                { "\033OH", KEY_HOME },
                { "\033[F", KEY_END },
                { "\033OF", KEY_END },
        };
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
                define_key(keys[i].sent, keys[i].code);
}

/* Ctrl-S would halt the terminal, which would then not take what gives it back. */
static void no_halting(void)
{
        struct termios t;
        if (tcgetattr(fileno(stdin), &t) < 0)
                return;
        t.c_iflag &= ~(tcflag_t)IXON;
        tcsetattr(fileno(stdin), TCSANOW, &t);
        def_prog_mode();
}

int draw_open(bool color, struct err *e)
{
        if (!is_capable() || !(screen = new_screen())) {
                cleanup_free char *kind = str_safe(str_or_empty(getenv("TERM")));
                err_set(e, ERR_INVALID, "A terminal of the kind '%.60s' can't show the live view",
                        kind);
                return err_fix(e, "dashboard");
        }
        cbreak();
        noecho();
        nonl();
        keypad(stdscr, TRUE);
        nodelay(stdscr, TRUE);
        no_halting();
        set_escdelay(25);
        define_keys();
        curs_set(0);
        init_colors(color);
        return 0;
}

void draw_leave(void)
{
        if (screen && !isendwin())
                endwin();
}

void draw_enter(void)
{
        size_t rows, columns;
        if (!screen)
                return;
        draw_size(&rows, &columns);
        /* The first output after endwin() takes the terminal again. */
        clearok(curscr, TRUE);
        refresh();
        curs_set(0);
}

void draw_close(void)
{
        if (!screen)
                return;
        draw_leave();
        delscreen(screen);
        screen = NULL;
}

void draw_size(size_t *ret_rows, size_t *ret_columns)
{
        int rows, columns;
        tty_size(&rows, &columns);
        if (rows != LINES || columns != COLS)
                resizeterm(rows, columns);
        *ret_rows = (size_t)rows;
        *ret_columns = (size_t)columns;
}

/* ---- lines ---- */

static int attributes(enum out_style style)
{
        if (style == OUT_BOLD)
                return A_BOLD;
        if (style == OUT_DIM)
                return colored ? A_DIM : A_NORMAL;
        return colored && style != OUT_PLAIN ? COLOR_PAIR((int)style) : A_NORMAL;
}

/*
 * A piece of a line, character by character: each where base/str.h counts it to be, so that one whose
 * width the terminal's library counts in another way moves nothing that follows. Returns the next column.
 */
static int draw_piece(int y, int x, const char *text, size_t n, int a)
{
        cleanup_free char *piece = xstrndup(text, n);
        attrset(a);
        for (const char *p = piece; *p;) {
                size_t len = 1;
                /* A character and what is put on top of it. */
                while (p[len] && (((unsigned char)p[len] & 0xc0) == 0x80))
                        len++;
                for (;;) {
                        size_t more = p[len] ? 1 : 0;
                        while (more && ((unsigned char)p[len + more] & 0xc0) == 0x80)
                                more++;
                        cleanup_free char *next = xstrndup(p + len, more);
                        if (!more || str_width(next) > 0)
                                break;
                        len += more;
                }
                cleanup_free char *c = xstrndup(p, len);
                mvaddstr(y, x, c);
                x += (int)str_width(c);
                p += len;
        }
        return x;
}

static void draw_line(int y, const struct line *line)
{
        size_t done = 0;
        int all = line->chosen ? A_REVERSE : A_NORMAL;
        int x = 0;
        for (size_t i = 0; i < line->n; i++) {
                const struct span *s = &line->v[i];
                x = draw_piece(y, x, line->text + done, s->at - done, all);
                x = draw_piece(y, x, line->text + s->at, s->len, all | attributes(s->style));
                done = s->at + s->len;
        }
        x = draw_piece(y, x, line->text + done, strlen(line->text + done), all);
        attrset(all);
        if (line->chosen && x < COLS)
                mvhline(y, x, ' ' | (chtype)all, COLS - x);
}

void draw_lines(const struct lines *l)
{
        erase();
        for (size_t i = 0; i < l->n; i++)
                draw_line((int)i, &l->v[i]);
        refresh();
}

void draw_all_next(void)
{
        clearok(curscr, TRUE);
}

/* ---- keys ---- */

int draw_key(void)
{
        static const struct {
                int code, press;
        } keys[] = {
                { KEY_UP, PRESS_UP },
                { KEY_DOWN, PRESS_DOWN },
                { KEY_HOME, PRESS_FIRST },
                { KEY_END, PRESS_LAST },
                { KEY_ENTER, PRESS_ENTER },
                { '\r', PRESS_ENTER },
                { '\n', PRESS_ENTER },
        };
        int code;
        /* That of resizeterm() is none that was pressed. */
        do
                code = getch();
        while (code == KEY_RESIZE);
        if (code == ERR)
                return PRESS_NONE;
        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
                if (keys[i].code == code)
                        return keys[i].press;
        /* Any other key answers a question with no, and does nothing else. */
        return code < 0x80 ? code : '\0';
}
