import { expect, it } from "vitest";
import { sha256 } from "../../../src/config/compilation.ts";

it("sha256 is that of the text's UTF-8 (FIPS 180-4)", () => {
  expect(sha256("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});
