import { createServer } from "node:http";
import { greet } from "@example/greeting";
import { transformSync } from "esbuild";

const { code } = transformSync("const answer: number = 42;", { loader: "ts" });
const text = `${greet("image")} ${code}`;

if (process.argv.includes("--once")) console.log(text);
else createServer((_, response) => response.end(text)).listen(8080);
