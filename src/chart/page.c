/* page - the style of charts and of the HTML pages that hold them. */
#include "chart/chart.h"

/* Eight colours after Okabe and Ito (2008), darker on light pages and brighter on dark ones. */
const char chart_style[] =
    ".chart{--text:#1b1f24;--faint:#d5dae0;--dim:#59636e;--page:#fff;"
    "--s1:#0068a8;--s2:#c95500;--s3:#008a63;--s4:#b5538b;--s5:#b98200;--s6:#3fa0dc;--s7:#6b4ba3;"
    "--s8:#5a5f66;font:12px system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\","
    "\"Noto Sans CJK SC\",\"PingFang SC\",\"Microsoft YaHei\",sans-serif;color:var(--text)}\n"
    "@media(prefers-color-scheme:dark){.chart{--text:#e6e9ee;--faint:#3a424d;--dim:#9aa5b1;"
    "--page:#14181d;--s1:#58aef0;--s2:#ff9550;--s3:#35cf9f;--s4:#ec9fca;--s5:#f2c14b;"
    "--s6:#a8dcff;--s7:#b79cf0;--s8:#b4bac2}}\n"
    ".chart text{fill:var(--text)}.chart .dim{fill:var(--dim)}.chart .title{font-weight:600;"
    "font-size:14px}.chart .page{fill:var(--page)}.chart text.page{fill:var(--page)}\n"
    ".chart .grid{stroke:var(--faint);stroke-width:1}.chart .rule{stroke:var(--dim);"
    "stroke-width:1}.chart .mark{stroke:var(--text);stroke-width:1.2;fill:none}.chart .thick{"
    "stroke:var(--text);stroke-width:4}\n"
    ".chart .line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round}.chart "
    ".dashed{stroke-dasharray:6 4}.chart .whisker{stroke:currentColor;stroke-width:1.5;fill:none}"
    ".chart .fill{fill:currentColor}.chart .band{fill:currentColor;fill-opacity:.16}\n"
    ".chart .s1{color:var(--s1)}.chart .s2{color:var(--s2)}.chart .s3{color:var(--s3)}.chart "
    ".s4{color:var(--s4)}.chart .s5{color:var(--s5)}.chart .s6{color:var(--s6)}.chart "
    ".s7{color:var(--s7)}.chart .s8{color:var(--s8)}\n";

static const char page_style[] =
    ":root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--soft:#f4f6f8;--line:#d5dae0;"
    "--grey:#59636e;--link:#0068a8}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--paper:#14181d;--soft:#1d232a;"
    "--line:#3a424d;--grey:#9aa5b1;--link:#58aef0}}\n"
    "body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,"
    "-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",\"Noto Sans CJK SC\",\"PingFang SC\","
    "\"Microsoft YaHei\",sans-serif}\n"
    "main{max-width:1080px;margin:0 auto;padding:24px 20px 64px}h1{font-size:28px;line-height:1.2;"
    "margin:8px 0 4px}h2{font-size:20px;margin:40px 0 8px;border-bottom:1px solid var(--line);"
    "padding-bottom:4px}h3{font-size:16px;margin:24px 0 4px}p{margin:8px "
    "0;max-width:44em;overflow-wrap:anywhere}"
    "a{color:var(--link)}\n"
    ".lead{color:var(--grey)}.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:14px;"
    "font-variant-numeric:tabular-nums;margin:8px 0}caption{text-align:left;color:var(--grey);"
    "padding:4px 0}th,td{padding:4px 12px 4px 0;text-align:right;border-bottom:1px solid "
    "var(--line);vertical-align:baseline;white-space:nowrap}th:first-child,td:first-child,"
    ".words td,.words th{text-align:left}.words td{white-space:normal}th{font-weight:600}"
    "td small{color:var(--grey)}\n"
    "figure{margin:16px 0}figure svg{display:block;width:100%;height:auto}figcaption{"
    "color:var(--grey);font-size:14px}.figures{display:grid;gap:16px;grid-template-columns:"
    "repeat(auto-fill,minmax(min(100%,420px),1fr))}.figures figure{margin:0}\n"
    "code,pre{font:13px/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;"
    "background:var(--soft)}code{padding:1px 4px;border-radius:3px}pre{padding:12px;overflow-x:"
    "auto;border-radius:6px}pre code{padding:0}summary{cursor:pointer}footer{margin-top:48px;"
    "color:var(--grey);font-size:14px}\n"
    "@media(max-width:600px){main{padding:12px 12px 48px}h1{font-size:23px}table{font-size:13px}"
    "th,td{padding:4px 8px 4px 0}}\n"
    "@media print{main{max-width:none}}\n";

void page_begin(text_buffer *t, const char *title, const char *lang)
{
    text_add(t, "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n", lang);
    text_add(t, "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>");
    text_escaped(t, title);
    text_add(t, "</title>\n<style>\n%s%s</style>\n</head>\n<body>\n<main>\n", page_style,
             chart_style);
}

void page_end(text_buffer *t)
{
    text_add(t, "</main>\n</body>\n</html>\n");
}
