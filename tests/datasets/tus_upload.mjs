// node tus_upload.mjs ADDRESS KEY FILE [STOP_AFTER_BYTES [UPLOAD_URL]]: uploads with the unmodified tus-js-client;
// prints {"url","requests"} as JSON. With STOP_AFTER_BYTES it breaks off in the middle; with UPLOAD_URL it goes on there.
import fs from "node:fs";
import { Upload } from "tus-js-client";

const [address, key, file, stopAfter, uploadUrl] = process.argv.slice(2);
const requests = [];
const upload = new Upload(fs.createReadStream(file), {
  endpoint: `${address}/api/v1/uploads`,
  uploadUrl: uploadUrl || undefined,
  headers: { Authorization: `Bearer ${key}` },
  uploadSize: fs.statSync(file).size,
  chunkSize: 1024 * 1024,
  metadata: { filename: "订单.csv" },
  retryDelays: null,
  onAfterResponse: (request, response) =>
    requests.push([request.getMethod(), response.getStatus(), request.getHeader("Upload-Offset") ?? null]),
  onChunkComplete: async (size, accepted) => {
    if (stopAfter && Number(stopAfter) > 0 && accepted >= Number(stopAfter)) {
      await upload.abort(false);
      console.log(JSON.stringify({ url: upload.url, requests }));
      process.exit(0);
    }
  },
  onError: (error) => {
    console.error(String(error));
    process.exit(1);
  },
  onSuccess: () => console.log(JSON.stringify({ url: upload.url, requests })),
});
upload.start();
