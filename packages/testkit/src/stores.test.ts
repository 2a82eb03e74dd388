import { LayoutStore, MemoryStore } from "@lading/oci";
import { temporaryFolder } from "./folder.ts";
import { storeSuite } from "./store-suite.ts";

storeSuite("MemoryStore", async () => ({ store: new MemoryStore(), [Symbol.asyncDispose]: async () => {} }));

storeSuite("LayoutStore", async () => {
  const folder = await temporaryFolder();
  return {
    store: await LayoutStore.create(folder.path),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
});
