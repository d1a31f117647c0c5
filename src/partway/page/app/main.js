/** The page: puts its pieces together. */

import { PartwayClient, Slots, SumWorker } from "../partway/index.js";
import { FileList } from "./files.js";
import { notice } from "./notices.js";
import { preparePicking } from "./picking.js";
import { AskingClient } from "./token.js";
import { Transfers } from "./transfers.js";
import { Unfinished } from "./unfinished.js";

const SLOTS = 4; // parts in flight over all files

const base = new URL(".", location.href).href.replace(/\/$/, "");
const config = await fetch("page/config.json").then((answer) => answer.json());
const client = new AskingClient({ base, prefix: config.api_prefix });
const onerror = (error) => notice(error.message);
const files = new FileList({ client, onerror });
const transfers = new Transfers({
  client,
  slots: new Slots(SLOTS),
  sums: new SumWorker(),
  ondone: (file) => files.add(file),
  onended: (id) => unfinished.forget(id),
  onchange: () => unfinished.show(),
  onerror,
});
const unfinished = new Unfinished({ client, ids: () => transfers.ids, onerror });

preparePicking((picked) => transfers.add(picked));
await Promise.all([files.load(), unfinished.load().catch(onerror)]);
document.documentElement.dataset.ready = "true";
