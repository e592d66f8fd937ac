-- One row per customer and month-end cut-off: what was known on that day, and whether the customer
-- bought again within the 90 days after it. The last cut-off is for testing; the month-ends whose 90 days
-- would reach past it are left out, so that no label window of training overlaps the one of the test.
WITH cutoffs AS (
  SELECT unnest([
    DATE '2010-03-31', DATE '2010-04-30', DATE '2010-05-31', DATE '2010-06-30', DATE '2010-07-31',
    DATE '2010-08-31', DATE '2010-09-30', DATE '2010-10-31', DATE '2010-11-30', DATE '2010-12-31',
    DATE '2011-01-31', DATE '2011-02-28', DATE '2011-03-31', DATE '2011-04-30', DATE '2011-05-31',
    DATE '2011-08-31']) AS cutoff
),
orders AS (
  SELECT customer, invoice, min(sold_at) AS sold_at, sum(revenue) AS revenue, sum(quantity) AS pieces,
         count(*) AS lines, count(DISTINCT product) AS products, any_value(country) AS country
  FROM retail_clean GROUP BY customer, invoice
),
gaps AS (
  SELECT *, date_diff('day', lag(sold_at) OVER (PARTITION BY customer ORDER BY sold_at), sold_at) AS gap_days
  FROM orders
),
known AS (
  SELECT
    c.cutoff, o.customer,
    any_value(o.country) AS country,
    date_diff('day', max(CAST(o.sold_at AS DATE)), c.cutoff) AS recency_days,
    date_diff('day', min(CAST(o.sold_at AS DATE)), c.cutoff) AS tenure_days,
    count(*) AS orders_all,
    count(*) FILTER (o.sold_at >= c.cutoff - INTERVAL 30 DAY) AS orders_30d,
    count(*) FILTER (o.sold_at >= c.cutoff - INTERVAL 90 DAY) AS orders_90d,
    count(*) FILTER (o.sold_at >= c.cutoff - INTERVAL 180 DAY) AS orders_180d,
    count(*) FILTER (o.sold_at >= c.cutoff - INTERVAL 365 DAY) AS orders_365d,
    -- The same season one year ago: shops and gifts come round every year.
    count(*) FILTER (o.sold_at >= c.cutoff - INTERVAL 365 DAY AND o.sold_at < c.cutoff - INTERVAL 275 DAY)
      AS orders_same_season,
    sum(o.revenue) AS revenue_all,
    coalesce(sum(o.revenue) FILTER (o.sold_at >= c.cutoff - INTERVAL 90 DAY), 0) AS revenue_90d,
    avg(o.revenue) AS revenue_per_order,
    avg(o.lines) AS lines_per_order,
    avg(o.products) AS products_per_order,
    avg(o.gap_days) AS gap_days_mean,
    stddev_samp(o.gap_days) AS gap_days_spread,
    arg_max(o.revenue, o.sold_at) AS last_order_revenue
  FROM cutoffs c JOIN gaps o ON o.sold_at < c.cutoff + INTERVAL 1 DAY
  GROUP BY c.cutoff, o.customer
),
returned AS (
  SELECT c.cutoff, r.customer, count(*) AS returned_lines, sum(r.value) AS returned_value
  FROM cutoffs c JOIN retail_returns r ON r.returned_at < c.cutoff + INTERVAL 1 DAY
  GROUP BY c.cutoff, r.customer
),
bought AS (
  SELECT DISTINCT c.cutoff, o.customer
  FROM cutoffs c JOIN orders o
    ON o.sold_at >= c.cutoff + INTERVAL 1 DAY AND o.sold_at < c.cutoff + INTERVAL 91 DAY
)
SELECT
  k.* EXCLUDE (customer), k.customer,
  recency_days / nullif(gap_days_mean, 0) AS recency_in_gaps,
  orders_all / (tenure_days + 1.0) AS orders_per_day,
  month(k.cutoff) AS cutoff_month,
  coalesce(r.returned_lines, 0) AS returned_lines,
  coalesce(r.returned_value, 0) AS returned_value,
  CASE WHEN b.customer IS NULL THEN 'no' ELSE 'yes' END AS buys_again
FROM known k
LEFT JOIN returned r ON r.cutoff = k.cutoff AND r.customer = k.customer
LEFT JOIN bought b ON b.cutoff = k.cutoff AND b.customer = k.customer
ORDER BY k.cutoff, k.customer
