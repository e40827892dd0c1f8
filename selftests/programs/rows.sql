-- SPDX-License-Identifier: GPL-2.0
-- A table that is filled, indexed, joined with itself and changed, all in memory; what
-- does not fit while it is sorted goes to a file without a name, of 14 MiB at most.
create table t(a integer primary key, b integer, c text);
insert into t
	with recursive n(i) as (select 1 union all select i + 1 from n where i < 400000)
	select i, i * 7919 % 500009, hex(i * i) from n;
create index t_b on t(b);
update t set c = c || (select c from t as u where u.b = t.a % 500009 limit 1) where a % 3 = 0;
delete from t where b % 11 = 5;
select count(*), sum(b), sum(length(c)) from t;
select b % 100, count(*), min(c), max(c) from t group by 1 order by 1;
select sum(x.a * y.b % 1009) from t as x join t as y on y.b = x.a where x.b % 2 = 0;
