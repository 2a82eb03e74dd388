// The public API of each package as a file under review: etc/*.api.md.
// Fails when the API differs from the committed report; --update writes it.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Extractor, ExtractorConfig, ExtractorLogLevel } from "@microsoft/api-extractor";
import { publicPackages } from "./public-packages.mjs";

const update = process.argv.includes("--update");

for (const { folder, manifest } of publicPackages) {
  const name = manifest.name.replace("@lading/", "");
  const reportFolder = join(folder, "etc");
  mkdirSync(reportFolder, { recursive: true });
  const quiet = { default: { logLevel: "none" } };
  const config = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(folder, "package.json"),
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: join(folder, "dist/index.d.ts"),
      compiler: { tsconfigFilePath: join(folder, "tsconfig.json") },
      apiReport: {
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder,
        reportTempFolder: join(folder, "node_modules/.cache/api"),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: { compilerMessageReporting: quiet, extractorMessageReporting: quiet, tsdocMessageReporting: quiet },
    },
  });
  const { apiReportChanged } = Extractor.invoke(config, {
    localBuild: update,
    showVerboseMessages: false,
    messageCallback: (message) => {
      if (message.logLevel !== ExtractorLogLevel.Error) message.handled = true;
    },
  });
  if (apiReportChanged && !update) {
    console.error(`The public API of ${manifest.name} changed: see it with \`pnpm run api --update\` and git diff`);
    process.exitCode = 1;
  }
}
