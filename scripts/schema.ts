/**
 * Writes `config/lintel.schema.json` from the zod schemas. A test fails when the file is out of
 * date.
 */

import { schemaText } from "../src/config/json_schema.ts";

await Deno.writeTextFile(new URL("../config/lintel.schema.json", import.meta.url), schemaText());
