-- Returned lines of known customers: they say something about whether somebody comes back.
SELECT
  -Quantity AS quantity,
  -Quantity * Price AS value,
  try_strptime(CAST(InvoiceDate AS VARCHAR), ['%m/%d/%Y %H:%M', '%Y-%m-%d %H:%M:%S']) AS returned_at,
  CAST("Customer ID" AS BIGINT) AS customer
FROM retail_sales
WHERE "Customer ID" IS NOT NULL AND Quantity < 0
ORDER BY returned_at
