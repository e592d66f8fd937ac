-- One row per sold line that counts: a known customer, a positive quantity and price, no cancellation.
SELECT
  Invoice AS invoice,
  StockCode AS product,
  Quantity AS quantity,
  Price AS price,
  Quantity * Price AS revenue,
  -- Dates stand in the log as 12/1/2009 7:45; a later export may bring them as timestamps.
  try_strptime(CAST(InvoiceDate AS VARCHAR), ['%m/%d/%Y %H:%M', '%Y-%m-%d %H:%M:%S']) AS sold_at,
  CAST("Customer ID" AS BIGINT) AS customer,
  Country AS country
FROM retail_sales
WHERE "Customer ID" IS NOT NULL AND Quantity > 0 AND Price > 0 AND Invoice NOT LIKE 'C%'
ORDER BY sold_at, invoice
