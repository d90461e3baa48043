# Licensed under the Apache License, Version 2.0 (the "License"); you may
# not use this file except in compliance with the License. You may obtain
# a copy of the License at
#
#      http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
# WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
# License for the specific language governing permissions and limitations
# under the License.

"""Demand models

Revision ID: 0002
Revises: 0001
"""

from alembic import op
import sqlalchemy as sa

from shadow_reserve.db import types


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'demand_models',
        sa.Column('version', sa.Integer(), autoincrement=True,
                  nullable=False),
        sa.Column('state', sa.String(length=64), nullable=False),
        sa.Column('slot', sa.String(length=64), nullable=True),
        sa.Column('created_at', types.UtcDateTime(), nullable=False),
        sa.Column('since', types.UtcDateTime(), nullable=False),
        sa.Column('scores', types.Json(), nullable=False),
        sa.Column('made_from', types.Json(), nullable=False),
        sa.Column('stored', types.Blob(), nullable=True),
        sa.PrimaryKeyConstraint('version'),
        sa.UniqueConstraint('slot'),
        mysql_charset='utf8mb4',
        mysql_engine='InnoDB',
        sqlite_autoincrement=True)
