# Reads all of its input as JSON values one after the other; fails where it is none.
{ text = text $0 "\n" }
function bad(what) { printf "not JSON at byte %d (%s): %s\n", at, what, substr(text, at, 40) > "/dev/stderr"; exit failed = 1 }
function space() { while (substr(text, at, 1) ~ /^[ \t\r\n]$/) at++ }
function take(re,   rest) {
    rest = substr(text, at)
    if (!match(rest, re) || RSTART != 1) return 0
    at += RLENGTH
    return 1
}
function string() { return take("^\"([^\"\\\\]|\\\\.)*\"") }
function value(   c) {
    space()
    c = substr(text, at, 1)
    if (c == "{") { at++; members("}", 1); return }
    if (c == "[") { at++; members("]", 0); return }
    if (c == "\"") { if (!string()) bad("string"); return }
    if (!take("^(true|false|null)") && !take("^-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]+)?")) bad("value")
}
function members(close_, named) {
    space()
    if (substr(text, at, 1) == close_) { at++; return }
    for (;;) {
        space()
        if (named) {
            if (!string()) bad("key")
            space()
            if (substr(text, at++, 1) != ":") bad("colon")
        }
        value()
        space()
        if (substr(text, at, 1) == close_) { at++; return }
        if (substr(text, at++, 1) != ",") bad("comma")
    }
}
END {
    if (failed) exit 1
    at = 1
    space()
    if (at > length(text)) bad("nothing")
    while (at <= length(text)) { value(); space() }
    exit failed
}
