import { expect, test } from "vitest";
import { oneLine, redactUrl } from "./redact.ts";

test.each([
  ["https://anna:word@r.example/v2/", "https://r.example/v2/"],
  [
    "https://s3.example/blob?X-Amz-Signature=abc&X-Amz-Date=1",
    "https://s3.example/blob?X-Amz-Signature=…&X-Amz-Date=…",
  ],
  ["https://azure.example/blob?se=2026&sig=abc", "https://azure.example/blob?se=…&sig=…"],
  [
    "https://r.example/v2/a/blobs/uploads/1?_state=abc&digest=sha256:1",
    "https://r.example/v2/a/blobs/uploads/1?_state=…&digest=sha256:1",
  ],
  [
    "https://auth.example/token?account=anna&scope=repository:a/b:pull&token=t",
    "https://auth.example/token?account=…&scope=repository:a/b:pull&token=…",
  ],
  ["https://r.example/v2/a/tags/list?n=100&last=x#secret", "https://r.example/v2/a/tags/list?n=100&last=x"],
  ["https://r.example/v2/?token&a=b&&=c", "https://r.example/v2/?…&a=…&=…"],
  ["https://r.example/v2/?next=%0d%0asecret", "https://r.example/v2/?next=%0D%0Asecret"],
])("%s is shown as %s", (url, shown) => {
  expect(redactUrl(new URL(url))).toBe(shown);
});

test("a file of the web is shown without any value of its query, whatever is before it, or nothing is", () => {
  const url = new URL("https://web.example/f?n=abc&tag=secret&scope=x&TOKEN#secret");
  expect(redactUrl(url, "web")).toBe("https://web.example/f?n=…&tag=…&scope=…&…");
});

test("a registry's text is shown on one line, without control characters, and cut", () => {
  expect(oneLine("\u001b[31mred\r\n\tline\u202e ")).toBe("[31mred line");
  expect(oneLine("x".repeat(500), 10)).toBe("xxxxxxxxxx…");
});
