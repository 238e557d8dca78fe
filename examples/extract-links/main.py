"""Lists the links of an HTML page with their texts, as a single file that needs no library."""

from html.parser import HTMLParser
from urllib.parse import urljoin


class Links(HTMLParser):
    def __init__(self, base):
        super().__init__()
        self.base = base
        self.found = []
        self.open = None

    def handle_starttag(self, tag, attrs):
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self.open = {"url": urljoin(self.base, href), "text": ""}

    def handle_data(self, data):
        if self.open is not None:
            self.open["text"] += data

    def handle_endtag(self, tag):
        if tag == "a" and self.open is not None:
            self.open["text"] = " ".join(self.open["text"].split())
            self.found.append(self.open)
            self.open = None


async def main(args):
    links = Links(args.get("base", ""))
    links.feed(args["html"])
    links.close()
    print(f"{len(links.found)} links")
    return {"links": links.found}
