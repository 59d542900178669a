# Compares a file of expectations with a file of facts, line by line: {n} is a number, {*} is anything.
function pattern(text) {
    gsub(/[][\\.^$*+?(){}|]/, "\\\\&", text)
    gsub(/\\\{n\\}/, "[-+]?[0-9][0-9.]*(e[-+]?[0-9]+)?", text)
    gsub(/\\\{\\\*\\}/, ".*", text)
    return "^" text "$"
}
FNR == NR { want[++n] = $0; next }
{
    if (++k > n) { printf "line %d is one too many: %s\n", k, $0; exit bad = 1 }
    if ($0 != want[k] && $0 !~ pattern(want[k])) {
        printf "line %d is \"%s\", expected \"%s\"\n", k, $0, want[k]
        exit bad = 1
    }
}
END {
    if (!bad && k < n) { printf "line %d is missing: %s\n", k + 1, want[k + 1]; bad = 1 }
    exit bad
}
